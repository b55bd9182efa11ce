/**
 * The part of docs/architecture.md that shows rooms, layers and arrows, written from the rooms' tags and imports:
 * `node tools/house/architecture.mjs` brings the page up to date; a test fails where it is not.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { LAYERS } from '../lint/layers.mjs';
import { readRooms, roomImports } from './graph.mjs';

export { LAYERS };
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = 'docs/architecture.md';
const BEGIN = '<!-- rooms: written by tools/house/architecture.mjs -->';
const END = '<!-- /rooms -->';
/** Layers from the top of the picture to its bottom; what stands aside is left out of it. */
const PICTURE = [
  'app',
  'product',
  'pipeline',
  'adapter',
  'algorithm',
  'device',
  'kernel',
  'native',
  'contract',
];
const WIDTH = 76;

/** @param {string} root @returns {string} Markdown between the marks */
export function roomsSection(root) {
  const rooms = readRooms(root).filter(({ layer }) => layer !== null && layer !== 'house');
  const imports = roomImports(root, rooms);
  const short = (/** @type {string} */ name) => name.replace('@hazure/', '');
  const named = (/** @type {string} */ layer) =>
    rooms.filter((room) => room.layer === layer).map((room) => room.folder.replace(/^(libs|apps)\//, ''));
  const table = Object.entries(LAYERS).map(
    ([layer, may]) =>
      `| ${layer} | ${named(layer).join(', ')} | ${may.length ? may.join(', ') : 'nothing'} |`,
  );
  const arrows = rooms.map((room) => {
    const { source } = imports.get(room.name) ?? { source: new Set() };
    const list = [...source].map(short).sort();
    return `| ${room.folder.replace(/^(libs|apps)\//, '')} | ${list.length ? list.join(', ') : 'nothing'} |`;
  });
  return [
    BEGIN,
    '',
    '```text',
    ...PICTURE.flatMap((layer) => boxOf(layer, named(layer))),
    '```',
    '',
    '| layer | rooms | may import |',
    '| --- | --- | --- |',
    ...table,
    '',
    'What each room’s sources do import:',
    '',
    '| room | imports |',
    '| --- | --- |',
    ...arrows,
    '',
    END,
  ].join('\n');
}

/** @param {string} layer @param {readonly string[]} rooms */
function boxOf(layer, rooms) {
  const label = `${layer.padEnd(10)}│ `;
  /** @type {string[]} */
  const lines = [];
  for (const room of rooms) {
    const last = lines.at(-1);
    if (last !== undefined && label.length + last.length + room.length + 2 < WIDTH)
      lines[lines.length - 1] = `${last}  ${room}`;
    else lines.push(room);
  }
  return lines.map((line, i) => `${i === 0 ? label : `${' '.repeat(10)}│ `}${line}`);
}

/** The page with its section renewed, formatted as the repository has it. @param {string} root */
export async function renewedPage(root) {
  const page = readFileSync(join(root, PAGE), 'utf8');
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${PAGE} lacks the marks ${BEGIN} and ${END}`);
  const whole = page.slice(0, begin) + roomsSection(root) + page.slice(end + END.length);
  return {
    page,
    renewed: await format(whole, { parser: 'markdown', printWidth: 110, proseWrap: 'preserve' }),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { renewed } = await renewedPage(ROOT);
  writeFileSync(join(ROOT, PAGE), renewed);
}
