/* global document, requestAnimationFrame */
/* Search, filters and order of the outlier cards. */
(() => {
  'use strict';
  const form = document.getElementById('filters');
  const grid = document.getElementById('cards');
  if (form === null || grid === null) return;
  const none = document.getElementById('no-match');
  const cards = [...grid.children].map((element) => ({
    element,
    text: `${element.textContent} ${element.dataset.crop} ${element.dataset.image}`.toLowerCase(),
  }));
  const number = (card, key) => Number(card.element.dataset[key]);
  const orders = {
    index: (a, b) => number(a, 'index') - number(b, 'index'),
    score: (a, b) => number(b, 'score') - number(a, 'score'),
    confidence: (a, b) => number(b, 'confidence') - number(a, 'confidence'),
    image: (a, b) => (a.element.dataset.image < b.element.dataset.image ? -1 : 1),
  };

  function apply() {
    const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const className = form.elements.class.value;
    const side = form.elements.side.value;
    let shown = 0;
    for (const { element, text } of cards) {
      const visible =
        (className === '' || element.dataset.class === className) &&
        (side === '' || element.dataset.side === side) &&
        words.every((word) => text.includes(word));
      element.hidden = !visible;
      element.style.display = visible ? '' : 'none';
      if (visible) shown++;
    }
    form.elements.shown.value =
      shown === cards.length ? `${shown} shown` : `${shown} of ${cards.length} shown`;
    none.hidden = shown > 0;
  }

  function reorder() {
    grid.append(...[...cards].sort(orders[form.elements.order.value]).map((card) => card.element));
  }

  form.addEventListener('input', apply);
  form.elements.order.addEventListener('change', reorder);
  form.addEventListener('submit', (event) => event.preventDefault());

  /* The map asks for a card: lift filters that hide it, then show it. */
  document.addEventListener('hazure:show', (event) => {
    const card = cards.find(({ element }) => element.dataset.crop === event.detail);
    if (card === undefined) return;
    if (card.element.hidden) {
      form.reset();
      apply();
      reorder();
    }
    card.element.scrollIntoView({ block: 'center' });
    card.element.focus({ preventScroll: true });
    card.element.classList.remove('found');
    requestAnimationFrame(() => card.element.classList.add('found'));
  });

  apply();
})();
