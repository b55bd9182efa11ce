// Writes libs/contracts/config.schema.json from the built option schema; a test of libs/contracts compares them.
import { writeFileSync } from 'node:fs';
import { format } from 'prettier';
import { phaseOptionsJsonSchema } from '@hazure/contracts';

const path = new URL('../libs/contracts/config.schema.json', import.meta.url);
writeFileSync(
  path,
  await format(JSON.stringify(phaseOptionsJsonSchema()), { parser: 'json', printWidth: 110 }),
);
