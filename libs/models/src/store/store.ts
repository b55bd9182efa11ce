import { stat } from 'node:fs/promises';
import { basename, dirname, join, posix, resolve } from 'node:path';
import { ModelError } from '@hazure/contracts';
import type { ModelBundle, ModelRole, PackName } from '../registry.js';
import { bundleOf, findModel, hubReference } from '../registry.js';
import type { StoreContext, StoreOptions } from './context.js';
import { storeContext } from './context.js';
import { loadablePath } from './derived.js';
import { sha256File } from './files.js';
import type { BundleManifest } from './manifest.js';
import type { ModelFiles } from './model-files.js';
import { combinedSha256, modelFiles, modelSha256, resolvedFiles } from './model-files.js';
import { bringYourOwn, bundleDir, damagedFiles, notCached, pullBundle, readCurrentManifest } from './pull.js';

/** A model file ready for use, verified where a pin is known. */
export interface ResolvedModel {
  /** Registry name, hub reference, or file name. */
  readonly name: string;
  /** Where it is loaded from. */
  readonly path: string;
  /** What came with it lies below: configuration, tokeniser, other towers. */
  readonly folder: string;
  /** Over the graph and every weight file outside it (`modelSha256`). */
  readonly sha256: string;
  readonly files: ModelFiles;
  /** null: only the model file itself may say. */
  readonly licence: string | null;
  /** Exact origin of a fetched file, e.g. `hub:owner/name@commit`; null for a path. */
  readonly origin: string | null;
}

/** State of one bundle for `hazure models list` and `verify`. */
export interface BundleStatus {
  readonly id: string;
  readonly models: readonly {
    readonly name: string;
    readonly role: ModelRole;
    readonly description: string;
  }[];
  /** Packs that use it. */
  readonly packs: readonly PackName[];
  readonly state: 'cached' | 'not cached' | 'bring your own';
  readonly bytes: number | null;
  readonly path: string | null;
  readonly origin: string;
  readonly licence: string;
  readonly homepage: string;
}

export interface VerifyResult {
  readonly id: string;
  readonly ok: boolean;
  /** Files that are absent or differ from their pinned sha256. */
  readonly damaged: readonly string[];
  /** Of a model given by path: its identity, and the files it covers. */
  readonly sha256?: string;
  readonly files?: readonly string[];
}

/**
 * Fetches a pack (`starter`, `standard`), a bundle, a model, or a hub repository (`owner/name`), and verifies it.
 * What is there already is verified and kept.
 *
 * @throws ModelError `MODEL_MISSING` for unknown names or when offline, `NETWORK_UNAVAILABLE`, `MODEL_CHECKSUM`
 */
export async function pullModel(name: string, options: StoreOptions = {}): Promise<BundleStatus[]> {
  const context = storeContext(options);
  const bundles = bundlesOf(context, name);
  for (const bundle of bundles) await pullBundle(context, bundle);
  return Promise.all(bundles.map((bundle) => statusOf(context, bundle)));
}

/** Every bundle of the registry and whether it is cached. Reads no network and hashes nothing. */
export async function listModels(options: StoreOptions = {}): Promise<BundleStatus[]> {
  const context = storeContext(options);
  return Promise.all(context.registry.bundles.map((bundle) => statusOf(context, bundle)));
}

/**
 * Compares every cached file (of one name, or of all) with its pinned sha256. For a path to an .onnx file, checks that
 * all its weight files are there and gives its identity.
 */
export async function verifyModels(name?: string, options: StoreOptions = {}): Promise<VerifyResult[]> {
  const context = storeContext(options);
  if (name !== undefined && (await isFile(name))) return [await verifyFile(resolve(name))];
  const bundles = name === undefined ? context.registry.bundles : bundlesOf(context, name);
  const results: VerifyResult[] = [];
  for (const bundle of bundles) {
    const dir = bundleDir(context, bundle);
    const manifest = await readCurrentManifest(dir, bundle);
    if (manifest) {
      const damaged = await damagedFiles(dir, manifest);
      results.push({ id: bundle.id, ok: damaged.length === 0, damaged });
    } else if (name !== undefined && bundle.source.kind !== 'path') throw notCachedHere(bundle);
  }
  return results;
}

/** A model given by path has no pin: its files are there and long enough, or that is the damage; the digest is told. */
async function verifyFile(path: string): Promise<VerifyResult> {
  const files = await modelFiles(path);
  const sha256 = await modelSha256(files);
  return {
    id: path,
    ok: true,
    damaged: [],
    sha256,
    files: [files.graph, ...files.weights].map(({ name }) => name),
  };
}

/** Path of a model that is in the cache already. */
export async function modelPath(name: string, options: StoreOptions = {}): Promise<string> {
  const context = storeContext(options);
  const { bundle, file } = locate(context, name);
  if (bundle.source.kind === 'path') throw bringYourOwn(bundle, bundle.source);
  const dir = bundleDir(context, bundle);
  if (!(await readCurrentManifest(dir, bundle))) throw notCachedHere(bundle);
  return join(dir, file);
}

/**
 * Makes a registry name, a hub reference or a path to an .onnx file into a verified file, fetching it at its
 * first use.
 *
 * @throws ModelError when it can't be had; the hint names the remedies
 */
export async function resolveModel(nameOrPath: string, options: StoreOptions = {}): Promise<ResolvedModel> {
  const context = storeContext(options);
  if (await isFile(nameOrPath)) {
    const path = resolve(nameOrPath);
    const files = await resolvedFiles(path);
    const sha256 = await modelSha256(files);
    return {
      name: basename(path),
      path: await loadablePath(files, sha256, context.cacheDir),
      folder: dirname(path),
      sha256,
      files,
      licence: null,
      origin: null,
    };
  }
  const { bundle, file, name } = locate(context, nameOrPath);
  const manifest = await pullBundle(context, bundle);
  const folder = bundleDir(context, bundle);
  const path = join(folder, file);
  return {
    name,
    path,
    folder,
    ...(await pinnedModel(path, file, manifest)),
    licence: manifest.licence,
    origin: manifest.origin,
  };
}

/** Files and identity of a model of a pulled bundle, whose digests the manifest holds. */
async function pinnedModel(
  path: string,
  file: string,
  manifest: BundleManifest,
): Promise<{ files: ModelFiles; sha256: string }> {
  const files = await resolvedFiles(path);
  const pinOf = (name: string): string | undefined => manifest.files.find((pin) => pin.path === name)?.sha256;
  const weights = [];
  for (const weight of files.weights) {
    const pinned = pinOf(posix.join(posix.dirname(file), weight.name));
    weights.push({ name: weight.name, sha256: pinned ?? (await sha256File(weight.path)) });
  }
  return { files, sha256: combinedSha256(pinOf(file)!, weights) };
}

/** The folder that holds all cached models. */
export function modelCacheDir(options: StoreOptions = {}): string {
  return storeContext(options).cacheDir;
}

/**
 * The folder that transformers.js can take as `env.localModelPath` for the hub repositories pulled here.
 */
export function hubCacheDir(options: StoreOptions = {}): string {
  return join(modelCacheDir(options), 'hub');
}

function locate(context: StoreContext, name: string): { bundle: ModelBundle; file: string; name: string } {
  const model = findModel(name, context.registry);
  if (model) return { bundle: bundleOf(model, context.registry), file: model.file, name: model.name };
  const hub = looksLikePath(name) ? null : hubReference(name);
  if (hub) return { ...hub, name };
  if (looksLikePath(name)) {
    throw new ModelError('MODEL_MISSING', `Expected an ONNX model at ${name}, but there is no such file`, {
      hint: 'Give the path of an .onnx file, or a registry name from `hazure models list`.',
    });
  }
  throw new ModelError('MODEL_MISSING', `Unknown model ${name}; known: ${knownNames(context).join(', ')}`, {
    hint: 'Give one of these, a path to an .onnx file, or a repository of the Hugging Face hub as owner/name.',
  });
}

function bundlesOf(context: StoreContext, name: string): ModelBundle[] {
  const { packs, bundles } = context.registry;
  if (Object.hasOwn(packs, name)) {
    const pack = packs[name as PackName];
    const ids = new Set(
      Object.values<string | null>({ ...pack }).flatMap((model) =>
        model === null ? [] : [findModel(model, context.registry)!.bundle],
      ),
    );
    return bundles.filter((bundle) => ids.has(bundle.id));
  }
  const bundle = bundles.find((candidate) => candidate.id === name);
  return [bundle ?? locate(context, name).bundle];
}

async function statusOf(context: StoreContext, bundle: ModelBundle): Promise<BundleStatus> {
  const { registry } = context;
  const dir = bundleDir(context, bundle);
  const { source } = bundle;
  const manifest = source.kind === 'path' ? null : await readCurrentManifest(dir, bundle);
  const models = registry.models.filter((model) => model.bundle === bundle.id);
  const names = new Set(models.map((model) => model.name));
  return {
    id: bundle.id,
    models: models.map(({ name, role, description }) => ({ name, role, description })),
    packs: (Object.keys(registry.packs) as PackName[]).filter((pack) =>
      Object.values(registry.packs[pack]).some((name) => names.has(name)),
    ),
    state: source.kind === 'path' ? 'bring your own' : manifest ? 'cached' : 'not cached',
    bytes: manifest ? manifest.files.reduce((sum, file) => sum + file.bytes, 0) : null,
    path: manifest ? dir : null,
    origin: manifest?.origin ?? originOf(bundle),
    licence: bundle.licence,
    homepage: bundle.homepage,
  };
}

function originOf({ source }: ModelBundle): string {
  switch (source.kind) {
    case 'npm':
      return `npm:${source.package}@${source.version}`;
    case 'hub':
      return `hub:${source.repository}@${source.revision}`;
    case 'path':
      return `your own file: ${source.howTo}`;
  }
}

function notCachedHere(bundle: ModelBundle): ModelError {
  const { hint } = notCached(bundle);
  return new ModelError('MODEL_MISSING', `${bundle.id} is not in the model cache`, hint ? { hint } : {});
}

function knownNames(context: StoreContext): string[] {
  return context.registry.models.map((model) => model.name);
}

function looksLikePath(name: string): boolean {
  return /^[./~]|^[A-Za-z]:[\\/]|\\/.test(name) || (name.endsWith('.onnx') && !name.includes(':'));
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() ?? false;
}
