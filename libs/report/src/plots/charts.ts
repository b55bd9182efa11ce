import { createRequire } from 'node:module';
import type * as ECharts from 'echarts';
import { createCanvas, type Canvas } from '@napi-rs/canvas';
import { ensureFonts, FONT_STACK, FRAME, GRID, INK, MUTED_INK, PAPER } from './canvas.js';

let library: typeof ECharts | null = null;

/**
 * ECharts' ready-made bundle, loaded with the first chart. The package's modular entry reads some 500 files, which
 * takes seconds on a busy disk; the bundle takes under 0.1 s.
 */
function echarts(): typeof ECharts {
  if (library === null) {
    const require = createRequire(import.meta.url);
    const loaded = require('echarts/dist/echarts.common.min.js') as typeof ECharts;
    loaded.setPlatformAPI({ createCanvas: () => createCanvas(32, 32) as never });
    library = loaded;
  }
  return library;
}

/** Draws an ECharts option (two device pixels per unit) and returns a PNG file. */
export function renderChart(option: ECharts.EChartsOption, width: number, height: number): Buffer {
  const { canvas, dispose } = draw(option, width, height);
  try {
    return canvas.toBuffer('image/png');
  } finally {
    dispose();
  }
}

/**
 * As {@link renderChart}, encoded on another thread: encoding is most of the time, and such charts come by the
 * thousand.
 */
export async function renderChartAside(
  option: ECharts.EChartsOption,
  width: number,
  height: number,
): Promise<Buffer> {
  const { canvas, dispose } = draw(option, width, height);
  try {
    return await canvas.encode('png');
  } finally {
    dispose();
  }
}

/** The chart on its canvas, which `dispose` clears. */
function draw(
  option: ECharts.EChartsOption,
  width: number,
  height: number,
): { readonly canvas: Canvas; readonly dispose: () => void } {
  ensureFonts();
  const canvas = createCanvas(width * PIXEL_RATIO, height * PIXEL_RATIO);
  const chart = echarts().init(canvas as never, null, {
    width,
    height,
    devicePixelRatio: PIXEL_RATIO,
  });
  chart.setOption({
    animation: false,
    backgroundColor: PAPER,
    textStyle: { fontFamily: FONT_STACK, color: INK },
    ...option,
  });
  return { canvas, dispose: () => chart.dispose() };
}
const PIXEL_RATIO = 2;

/** Title and subtitle in the house style. */
export function chartTitle(text: string, subtext?: string): ECharts.TitleComponentOption {
  return {
    text,
    ...(subtext === undefined ? {} : { subtext }),
    left: 20,
    top: 14,
    textStyle: { fontSize: 16, fontWeight: 'bold', color: INK, fontFamily: FONT_STACK },
    subtextStyle: { fontSize: 12, color: MUTED_INK, fontFamily: FONT_STACK },
  };
}

/** Axis strokes and labels in the house style. */
export const AXIS_STYLE = {
  axisLine: { show: true, lineStyle: { color: FRAME } },
  axisTick: { show: false },
  axisLabel: { color: MUTED_INK, fontSize: 12, fontFamily: FONT_STACK },
  nameTextStyle: { color: MUTED_INK, fontSize: 12, fontFamily: FONT_STACK },
  splitLine: { lineStyle: { color: GRID } },
} as const;
