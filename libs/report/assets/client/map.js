/* global document, window, atob, requestAnimationFrame, Path2D, getComputedStyle, CustomEvent, ResizeObserver, matchMedia */
/* The interactive map: pan, zoom, hover, legend switches; a click on an outlier shows its card. */
(() => {
  'use strict';
  const canvas = document.getElementById('map-canvas');
  const { map } = JSON.parse(document.getElementById('report-data').textContent);
  if (canvas === null || map === null) return;
  const BASELINE = 1;
  const OUTLIER = 2;
  const MARGIN = 26;
  const context = canvas.getContext('2d');
  const tip = document.getElementById('map-tip');
  const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const packed = new DataView(bytes(map.positions).buffer);
  const styles = bytes(map.styles);
  const flags = bytes(map.flags);
  const xs = new Float32Array(map.count);
  const ys = new Float32Array(map.count);
  for (let i = 0; i < map.count; i++) {
    xs[i] = packed.getUint16(4 * i, true) / 65535 - 0.5;
    ys[i] = 0.5 - packed.getUint16(4 * i + 2, true) / 65535;
  }
  const carded = new Set([...document.querySelectorAll('.card')].map((card) => card.dataset.crop));
  const pictures = new Map(Object.entries(map.thumbnails));
  for (const image of document.querySelectorAll('img[data-thumb]'))
    pictures.set(image.dataset.thumb, image.src);

  const hidden = new Set();
  const layers = { back: [], front: [], ringed: [] };
  for (let i = 0; i < map.count; i++) {
    if (flags[i] & OUTLIER) layers.ringed.push(i);
    else if (map.combined && flags[i] & BASELINE) layers.back.push(i);
    else layers.front.push(i);
  }
  const bounds = { x: Math.max(...absolute(xs)), y: Math.max(...absolute(ys)) };
  function* absolute(values) {
    let top = 1e-3;
    for (const value of values) top = Math.max(top, Math.abs(value));
    yield top;
  }

  let width = 0;
  let height = 0;
  let fit = 1;
  const view = { x: 0, y: 0, zoom: 1 };
  let hovered = -1;
  let queued = false;
  const scale = () => fit * view.zoom;
  const toX = (i) => width / 2 + (xs[i] - view.x) * scale();
  const toY = (i) => height / 2 + (ys[i] - view.y) * scale();

  function resize() {
    const box = canvas.parentElement.getBoundingClientRect();
    width = box.width;
    height = box.height;
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    fit = Math.min((width / 2 - MARGIN) / bounds.x, (height / 2 - MARGIN) / bounds.y);
    queue();
  }

  function queue() {
    if (queued) return;
    queued = true;
    requestAnimationFrame(() => {
      queued = false;
      draw();
    });
  }

  function radius() {
    const crowd = Math.max(1.5, Math.min(5.5, 5.5 * (150 / Math.max(150, map.count)) ** 0.26));
    return Math.min(9, crowd * Math.sqrt(Math.max(1, view.zoom ** 0.7)));
  }

  /* One path per class: the fastest way to fill thousands of dots; classes are drawn in slices so none lies on top. */
  function dots(points, alpha, size) {
    context.globalAlpha = alpha;
    const slices = 8;
    for (let slice = 0; slice < slices; slice++) {
      const paths = map.classes.map(() => null);
      for (let k = slice; k < points.length; k += slices) {
        const i = points[k];
        const style = styles[i];
        if (hidden.has(style)) continue;
        const x = toX(i);
        const y = toY(i);
        if (x < -10 || y < -10 || x > width + 10 || y > height + 10) continue;
        const path = (paths[style] ??= new Path2D());
        if (size < 2.2) path.rect(x - size * 0.85, y - size * 0.85, size * 1.7, size * 1.7);
        else {
          path.moveTo(x + size, y);
          path.arc(x, y, size, 0, 7);
        }
      }
      paths.forEach((path, style) => {
        if (path === null) return;
        context.fillStyle = map.classes[style].colour;
        context.fill(path);
      });
    }
    context.globalAlpha = 1;
  }

  function draw() {
    const theme = getComputedStyle(document.documentElement);
    const accent = theme.getPropertyValue('--accent');
    context.clearRect(0, 0, width, height);
    const size = radius();
    dots(layers.back, 0.28, size * 0.85);
    dots(layers.front, map.count > 5000 ? 0.65 : 0.85, size);
    dots(layers.ringed, 1, Math.max(3, size));
    const ring = Math.max(6, Math.min(10, size * 1.9));
    context.strokeStyle = accent;
    context.lineWidth = layers.ringed.length > 1000 ? 1.2 : 2;
    context.beginPath();
    for (const i of layers.ringed) {
      if (hidden.has(styles[i])) continue;
      const x = toX(i);
      const y = toY(i);
      context.moveTo(x + ring, y);
      context.arc(x, y, ring, 0, 7);
    }
    context.stroke();
    if (hovered >= 0) {
      context.strokeStyle = theme.getPropertyValue('--ink');
      context.lineWidth = 2;
      context.beginPath();
      context.arc(toX(hovered), toY(hovered), ring + 2, 0, 7);
      context.stroke();
    }
  }

  function nearest(x, y) {
    let best = -1;
    let bestDistance = 14 * 14;
    for (const [points, bonus] of [
      [layers.ringed, 0.4],
      [layers.front, 1],
      [layers.back, 1],
    ]) {
      for (const i of points) {
        if (hidden.has(styles[i])) continue;
        const distance = ((toX(i) - x) ** 2 + (toY(i) - y) ** 2) * bonus;
        if (distance < bestDistance) {
          best = i;
          bestDistance = distance;
        }
      }
    }
    return best;
  }

  function element(tag, text, className) {
    const node = document.createElement(tag);
    node.textContent = text;
    if (className !== undefined) node.className = className;
    return node;
  }

  function hover(i) {
    if (i === hovered) return;
    hovered = i;
    queue();
    const isOutlier = i >= 0 && (flags[i] & OUTLIER) !== 0;
    canvas.classList.toggle('over', isOutlier && carded.has(map.ids[i]));
    tip.hidden = i < 0;
    if (i < 0) return;
    tip.replaceChildren();
    const picture = pictures.get(map.ids[i]);
    if (picture !== undefined) {
      const image = document.createElement('img');
      image.src = picture;
      image.alt = '';
      tip.append(image);
    }
    const text = document.createElement('div');
    text.append(element('b', map.labels[map.labelOf[i]].slice(0, 80)));
    if (isOutlier)
      text.append(element('span', carded.has(map.ids[i]) ? 'outlier – click to see it' : 'outlier', 'hot'));
    else if (map.combined)
      text.append(element('span', flags[i] & BASELINE ? 'baseline' : 'new, normal', 'muted'));
    text.append(element('div', map.ids[i].slice(0, 120), 'muted'));
    tip.append(text);
    const left = toX(i);
    const top = toY(i);
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, left + 16 + box.width > width ? left - box.width - 14 : left + 16)}px`;
    tip.style.top = `${Math.max(4, Math.min(height - box.height - 4, top - box.height / 2))}px`;
  }

  function zoomAt(x, y, factor) {
    const before = scale();
    view.zoom = Math.max(0.7, Math.min(80, view.zoom * factor));
    const after = scale();
    view.x += (x - width / 2) * (1 / before - 1 / after);
    view.y += (y - height / 2) * (1 / before - 1 / after);
    hover(-1);
    queue();
  }

  function reset() {
    Object.assign(view, { x: 0, y: 0, zoom: 1 });
    hover(-1);
    queue();
  }

  let drag = null;
  canvas.addEventListener('pointerdown', (event) => {
    drag = { x: event.clientX, y: event.clientY, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener('pointermove', (event) => {
    const box = canvas.getBoundingClientRect();
    if (drag === null) return hover(nearest(event.clientX - box.left, event.clientY - box.top));
    const dx = event.clientX - drag.x;
    const dy = event.clientY - drag.y;
    if (!drag.moved && Math.hypot(dx, dy) < 4) return;
    view.x -= dx / scale();
    view.y -= dy / scale();
    drag = { x: event.clientX, y: event.clientY, moved: true };
    canvas.classList.add('drag');
    hover(-1);
    queue();
  });
  canvas.addEventListener('pointerup', (event) => {
    const box = canvas.getBoundingClientRect();
    const clicked = drag !== null && !drag.moved;
    drag = null;
    canvas.classList.remove('drag');
    if (!clicked) return;
    const i = nearest(event.clientX - box.left, event.clientY - box.top);
    hover(i);
    if (i >= 0 && carded.has(map.ids[i]))
      document.dispatchEvent(new CustomEvent('hazure:show', { detail: map.ids[i] }));
  });
  canvas.addEventListener('pointercancel', () => {
    drag = null;
    canvas.classList.remove('drag');
  });
  canvas.addEventListener('pointerleave', () => hover(-1));
  canvas.addEventListener(
    'wheel',
    (event) => {
      /* A plain wheel scrolls the page; over the focused map, or with Ctrl, it zooms. */
      if (!event.ctrlKey && document.activeElement !== canvas) return;
      event.preventDefault();
      const box = canvas.getBoundingClientRect();
      zoomAt(event.clientX - box.left, event.clientY - box.top, Math.exp(-event.deltaY * 0.0016));
    },
    { passive: false },
  );
  canvas.addEventListener('dblclick', (event) => {
    const box = canvas.getBoundingClientRect();
    zoomAt(event.clientX - box.left, event.clientY - box.top, 2);
  });
  canvas.addEventListener('keydown', (event) => {
    const step = 60 / scale();
    const keys = {
      ArrowLeft: () => (view.x -= step),
      ArrowRight: () => (view.x += step),
      ArrowUp: () => (view.y -= step),
      ArrowDown: () => (view.y += step),
      '+': () => zoomAt(width / 2, height / 2, 1.4),
      '-': () => zoomAt(width / 2, height / 2, 1 / 1.4),
      0: reset,
      Escape: () => canvas.blur(),
    };
    if (keys[event.key] === undefined) return;
    event.preventDefault();
    keys[event.key]();
    queue();
  });
  for (const button of document.querySelectorAll('[data-zoom]')) {
    const act = {
      in: () => zoomAt(width / 2, height / 2, 1.6),
      out: () => zoomAt(width / 2, height / 2, 1 / 1.6),
      reset,
    };
    button.addEventListener('click', act[button.dataset.zoom]);
  }
  document.getElementById('map-legend').addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (button === null) return;
    const style = Number(button.dataset.style);
    if (hidden.has(style)) hidden.delete(style);
    else hidden.add(style);
    button.setAttribute('aria-pressed', String(!hidden.has(style)));
    hover(-1);
    queue();
  });
  new ResizeObserver(resize).observe(canvas.parentElement);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', queue);
  resize();
})();
