/**
 * Writes docs/reference/schemas/*.json, the JSON Schemas of every artifact, from the built schemas of contracts
 * (`npm run build` first); a test compares them.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { artifactJsonSchemas } from '@hazure/contracts';

const FOLDER = fileURLToPath(new URL('../../docs/reference/schemas/', import.meta.url));

mkdirSync(FOLDER, { recursive: true });
const schemas = artifactJsonSchemas();
for (const name of readdirSync(FOLDER)) if (!(name in schemas)) rmSync(join(FOLDER, name));
for (const [name, schema] of Object.entries(schemas)) {
  writeFileSync(join(FOLDER, name), await format(JSON.stringify(schema), { parser: 'json', printWidth: 110 }));
}
