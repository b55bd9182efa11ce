// Tampers with copies of a baseline, mends the checksums of its manifest, and prints how `detect` answered each.
// Arguments: a folder with `baseline`, `new`, `other.onnx`.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { detect } from '../dist/index.js';

const [folder] = process.argv.slice(2);
const json = (name, change) => (at) => {
  const path = join(at, name);
  const value = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify(change(value) ?? value));
};
const text = (name, change) => (at) =>
  writeFileSync(join(at, name), change(readFileSync(join(at, name), 'utf8')));
const source = (role, value) => json('config.json', (config) => void (config.modelSources[role] = value));
const unlisted = (name) => ({
  change: () => undefined,
  manifest: (manifest) => void (manifest.artifacts = manifest.artifacts.filter(({ path }) => path !== name)),
});
const manifest = (change) => ({ change: () => undefined, manifest: change });
const linked = (at) => {
  rmSync(join(at, 'features.npy'));
  symlinkSync(join(folder, 'baseline/features.npy'), join(at, 'features.npy'));
};
const pipe = (at) => {
  rmSync(join(at, 'concepts.json'));
  execFileSync('mkfifo', [join(at, 'concepts.json')]);
};
const npy = (change) => (at) => {
  const bytes = readFileSync(join(at, 'features.npy'));
  writeFileSync(join(at, 'features.npy'), change(bytes) ?? bytes);
};

const TAMPERINGS = {
  'scorers.json is not listed': unlisted('scorers.json'),
  'features.npy is not listed': unlisted('features.npy'),
  'a file is listed twice': manifest(({ artifacts }) => void artifacts.push({ ...artifacts[0], bytes: 1 })),
  'a listed path leaves the folder': manifest(
    ({ artifacts }) => void (artifacts[0].path = '../baseline/config.json'),
  ),
  'a listed path is absolute': manifest(({ artifacts }) => void (artifacts[0].path = '/etc/hostname')),
  'it says that it is a detection': manifest((each) => void (each.kind = 'detection')),
  'features.npy is a link out of the folder': linked,
  'concepts.json is a pipe': pipe,
  'the embedder is a repository to download': source('embedder', 'stranger/model'),
  'the embedder is an address': source('embedder', 'https://example.org/model.onnx'),
  'the detector is a repository to download': source('detector', 'stranger/model'),
  'the embedder is another file': source('embedder', join(folder, 'other.onnx')),
  'the embedder is a device': source('embedder', '/dev/zero'),
  'the embedder is on another machine': source('embedder', '//host/share/model.onnx'),
  'crops lead out of the folder': text('crops.jsonl', (all) =>
    all.replace(/"file":(null|"[^"]*")/, '"file":"../../x.jpg"'),
  ),
  'there are fewer crops than rows': text('crops.jsonl', (all) => all.split('\n').slice(1).join('\n')),
  'there are fewer groups than rows': json('reference.json', (each) => void each.groups.pop()),
  'an option is absurd': json('config.json', (each) => void (each.options.confThres = 7)),
  'options are none': json('config.json', () => ({ format: 'hazure-config/1', phase: 'learn' })),
  'the calibration is text': json('calibration.json', () => 'calibration'),
  'the forest is empty': json('iso_model.json', (each) => ({ format: each.format })),
  'scorers have no format': json('scorers.json', (each) => {
    const { format, ...rest } = each;
    return format === undefined ? each : rest;
  }),
  'concepts are numbers': json('concepts.json', (each) => void (each.classes = [1, 2])),
  'features have an absurd shape': npy((bytes) => {
    const head = bytes.toString('latin1', 10, 128).replace(/\((\d+), (\d+)\)/, '(99999999999, $2)');
    bytes.write(head.slice(0, 117).padEnd(117) + '\n', 10, 'latin1');
  }),
  'features were cut': npy((bytes) => bytes.subarray(0, bytes.length - 8)),
  'features are no numbers': npy((bytes) => void bytes.writeFloatLE(Number.NaN, 128)),
};

/** As an attacker would, so that the manifest agrees with every file that is there. */
function mendChecksums(at, change) {
  const path = join(at, 'manifest.json');
  const value = JSON.parse(readFileSync(path, 'utf8'));
  for (const artifact of value.artifacts) {
    const file = join(at, artifact.path);
    if (!existsSync(file) || !statSync(file).isFile()) continue;
    const bytes = readFileSync(file);
    artifact.bytes = bytes.length;
    artifact.sha256 = createHash('sha256').update(bytes).digest('hex');
  }
  change?.(value);
  writeFileSync(path, JSON.stringify(value));
}

globalThis.fetch = () => {
  throw new Error('the network was asked');
};
const answers = {};
for (const [name, tampering] of Object.entries({ untouched: () => undefined, ...TAMPERINGS })) {
  const at = join(folder, 'tampered');
  rmSync(at, { recursive: true, force: true });
  cpSync(join(folder, 'baseline'), at, { recursive: true });
  (tampering.change ?? tampering)(at);
  mendChecksums(at, tampering.manifest);
  try {
    await detect({ images: join(folder, 'new'), baseline: at, outputDir: join(folder, 'out') });
    answers[name] = 'taken';
  } catch (error) {
    answers[name] = `${error.code}: ${error.message}`;
  }
  const left = readdirSync(join(folder, 'out')).filter((each) => each.endsWith('.partial'));
  if (left.length > 0) answers[name] += ', and left something';
}
console.log(JSON.stringify(answers));
