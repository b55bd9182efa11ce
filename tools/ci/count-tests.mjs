/**
 * Adds up what the tests of every project left in `test-results` and prints `N passed, N failed, N skipped` as the
 * last line. A project that should have results and has none counts as one failure and is named.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

function projectFolders() {
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return workspaces.flatMap((pattern) => {
    if (!pattern.endsWith('/*')) return [pattern];
    const parent = pattern.slice(0, -2);
    return readdirSync(join(root, parent)).map((name) => `${parent}/${name}`);
  });
}

function hasTests(folder) {
  const file = join(root, folder, 'package.json');
  return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).nx?.targets?.test !== undefined;
}

/** A suite that broke before its first test has no failed test, but it failed. */
function fromJest(text) {
  const report = JSON.parse(text);
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + report.numRuntimeErrorTestSuites,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

function fromJunit(text) {
  const suite = /<testsuite\b[^>]*>/.exec(text)?.[0] ?? '';
  const count = (name) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(suite)?.[1] ?? 0);
  const failed = count('failures') + count('errors');
  const skipped = count('skipped') + count('disabled');
  return { passed: count('tests') - failed - skipped, failed, skipped };
}

const readers = { 'jest.json': fromJest, 'ctest.xml': fromJunit };
const total = { passed: 0, failed: 0, skipped: 0 };
for (const folder of projectFolders().filter(hasTests)) {
  const found = Object.keys(readers).filter((name) => existsSync(join(root, folder, 'test-results', name)));
  if (found.length === 0) {
    console.log(`${folder}: no test results`);
    total.failed += 1;
  }
  for (const name of found) {
    const counts = readers[name](readFileSync(join(root, folder, 'test-results', name), 'utf8'));
    console.log(`${folder}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
    for (const key of Object.keys(total)) total[key] += counts[key];
  }
}
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
if (total.failed > 0) process.exitCode = 1;
