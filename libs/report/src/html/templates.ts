import { readFileSync } from 'node:fs';
import { Eta } from 'eta';

const ASSETS = new URL('../../assets/', import.meta.url);
const TEMPLATES = [
  'layout',
  'detection',
  'baseline',
  'outlier-card',
  'map',
  'models-settings',
  'failures',
  'timings',
  'histogram',
  'images',
  'drift',
  'groups',
] as const;
export type TemplateName = (typeof TEMPLATES)[number];

let engine: Eta | null = null;

/** Renders a template of `assets/templates`; every `<%= %>` is escaped. */
export function renderTemplate(name: TemplateName, data: object): string {
  if (engine === null) {
    engine = new Eta({ autoEscape: true, cache: true });
    for (const template of TEMPLATES)
      engine.loadTemplate(`@${template}`, readAsset(`templates/${template}.eta`));
  }
  return engine.render(`@${name}`, data);
}

const read = new Map<string, string>();

/** Text of a file under `assets/`; read once. */
export function readAsset(path: string): string {
  let text = read.get(path);
  if (text === undefined) {
    text = readFileSync(new URL(path, ASSETS), 'utf8');
    read.set(path, text);
  }
  return text;
}
