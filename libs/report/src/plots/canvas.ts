import { createRequire } from 'node:module';
import type { Canvas, SKRSContext2D } from '@napi-rs/canvas';
import { createCanvas, GlobalFonts } from '@napi-rs/canvas';

/** Family under which the bundled DejaVu Sans is registered; other installed fonts fill in scripts it lacks. */
const FAMILY = 'Hazure Sans';
export const FONT_STACK = `'${FAMILY}', 'Noto Sans CJK JP', 'Noto Sans', sans-serif`;

export const INK = '#1d2433';
export const MUTED_INK = '#667085';
export const FRAME = '#d9dee7';
export const GRID = '#edf0f4';
export const PAPER = '#ffffff';

let fontsReady = false;

/** Registers the font that comes with the package: servers and containers often have none. */
export function ensureFonts(): void {
  if (fontsReady) return;
  const require = createRequire(import.meta.url);
  GlobalFonts.registerFromPath(require.resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf'), FAMILY);
  GlobalFonts.registerFromPath(require.resolve('dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf'), FAMILY);
  fontsReady = true;
}

/** An empty white canvas with the fonts ready. */
export function newCanvas(widthPx: number, heightPx: number): { canvas: Canvas; context: SKRSContext2D } {
  ensureFonts();
  const canvas = createCanvas(widthPx, heightPx);
  const context = canvas.getContext('2d');
  context.fillStyle = PAPER;
  context.fillRect(0, 0, widthPx, heightPx);
  context.textBaseline = 'middle';
  return { canvas, context };
}

export interface TextStyle {
  readonly sizePx: number;
  readonly bold?: boolean;
  readonly colour?: string;
  readonly align?: 'left' | 'center' | 'right';
  /** Longer text is cut and ends with an ellipsis. */
  readonly maxWidthPx?: number;
}

/** One line of text, vertically centred on `y`. Line breaks in the text become spaces. */
export function drawText(context: SKRSContext2D, text: string, x: number, y: number, style: TextStyle): void {
  context.font = `${style.bold ? 'bold ' : ''}${style.sizePx}px ${FONT_STACK}`;
  context.fillStyle = style.colour ?? INK;
  context.textAlign = style.align ?? 'left';
  const line = singleLine(text);
  context.fillText(style.maxWidthPx === undefined ? line : fitText(context, line, style.maxWidthPx), x, y);
}

/** The longest beginning of `text` (with an ellipsis) that fits into `maxWidthPx` in the context's font. */
function fitText(context: SKRSContext2D, text: string, maxWidthPx: number): string {
  if (context.measureText(text).width <= maxWidthPx) return text;
  let low = 0;
  let high = text.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (context.measureText(`${text.slice(0, middle)}…`).width <= maxWidthPx) low = middle;
    else high = middle - 1;
  }
  return `${text.slice(0, low)}…`;
}

/** Control characters and line breaks become single spaces; at most 400 characters are kept. */
export function singleLine(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.slice(0, 400).replace(/[\s\u0000-\u001f]+/g, ' ');
}
