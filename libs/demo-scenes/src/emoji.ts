import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HazureError } from '@hazure/contracts';
import { defaultModelCacheDir, fetchNpmFiles, userNpmOptions } from '@hazure/models';

const PACKAGE = '@lobehub/fluent-emoji-3d';
const VERSION = '1.1.0';
const INTEGRITY =
  'sha512-Wlq2lVStTnr8BDpIJ0pEnTKO4LuDxxqTEhTvRtD1DLRF0me7ogeRQjKoehDHXuVJ2Qaecgl5wRBv60lUAG3h7g==';
const TARBALL_BYTES = 15_792_027;

/** SHA-256 of every picture that the scenes use, by code points. */
const PICTURES: Readonly<Record<string, string>> = {
  '1f697': 'db6d488853a9e3accf2e1b8cefb146eedb76277e990f532388624421ef3e662c',
  '1f695': '7a2b508e08ae7a1b930abc05c72f12b4007f6081d881574506718f6d59842d1b',
  '1f693': 'ff66022f8ba823cbd18381c5221d73662bccc9a7cce8a98d1fd412119ffbe448',
  '1f69a': 'fd96658e74d92273e0151d7d3939d76ae315985aadbb157a2447e16e47535d3d',
  '1f69b': 'b79e4f08c1a1f1ee959353542ab703940d16c70ae08043dfae8fb29121ba898a',
  '1f690': '2de0d1499d420f59cb77a2e0c90b0ee6061254589164e49d2515df011d49255c',
  '1f692': '07681481ab3e1cf5b573d0b8559a263b48c7c59e7862a972e6805a3efdacf49b',
  '1f691': '702e384c2dbd5af22060b0189463addb2b3386fe1892560c5b81f542a6c5dbd5',
  '1f6fb': 'd897db18edfc3bbecc77256c735a65baaa736d4a30088e758b9138e415e54d27',
  '1f9f8': '44e30d3195cd700633cd832ea924e9f146390570d8d5b0382616567d56f625a5',
  '2602-fe0f': '835b512d3ea6c5e7b8cd1411e6724b26f908cd2029f91263fc148f27a1735375',
  '1f6b6': '4e939e4c7ebc49daa09f0f3f4b3cf16b807311ef920b14691f26947a3be91e58',
  '2708-fe0f': '92fcef2a3117ec86245c4845b7678e4a509321f615bd8718b2a268f2bdf404bc',
  '1f4bb': '27f0fd548e20f531f6cd20a282f1f9311f26e2edce7538c05dd91524d9189d6f',
  '1f3c4': '3326ee0d7df746aea5d47fc5c1826a5c72179fcc494c47433005b920c48a9039',
  '1f40e': '783ce623f15170d85e5c7d79e135a8c2301ff350e1327cbda93f0102a8f7ea0e',
  '1f415': 'd265fbb1a7d9a72b6b50e9840f28dd8cfcffcbfd5039170e50d3c5b160e9f1ca',
  '1f429': '94543249f3adcb155fc31501d955afcc8a3b005627b31d05699fa8affa787d2a',
  '1f34a': '410a15ec5b548ba2ed514b807b0bf51f818336aa7eb9d009919c4bcc2e7d027a',
  '1f570-fe0f': 'cc31cf8475918ab6ac28ed7bfe23ff2bc5ef8cc3e9607a55178620ec4d77dc93',
};

export interface EmojiOptions {
  /** Default: `demo/` beside the model cache (`HAZURE_CACHE_DIR` moves both). */
  readonly cacheDir?: string;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/**
 * Microsoft's Fluent emoji in 3D (MIT), from the npm registry: fetched once (16 MB), pinned by integrity and by each
 * picture's checksum, and only the pictures that the demo uses are kept (under 1 MB).
 *
 * @returns a folder with `<code points>.webp` files
 * @throws ModelError `NETWORK_UNAVAILABLE` when the registry can't be reached
 */
export async function ensureEmoji(options: EmojiOptions = {}): Promise<string> {
  const cacheDir = options.cacheDir ?? join(dirname(defaultModelCacheDir()), 'demo');
  const home = join(cacheDir, `fluent-emoji-3d-${VERSION}`);
  const pictures = join(home, 'assets');
  if (await holdsAll(pictures)) return pictures;
  await mkdir(cacheDir, { recursive: true });
  // Fetched aside and renamed: a demo that is stopped half-way leaves no half-filled folder.
  const aside = await mkdtemp(join(cacheDir, '.fetch-'));
  try {
    const files = Object.entries(PICTURES).map(([code, sha256]) => ({ path: `assets/${code}.webp`, sha256 }));
    const source = {
      kind: 'npm',
      package: PACKAGE,
      version: VERSION,
      integrity: INTEGRITY,
      tarballBytes: TARBALL_BYTES,
      files,
    } as const;
    await fetchNpmFiles(source, aside, await userNpmOptions(), (done) =>
      options.onProgress?.(done, TARBALL_BYTES),
    );
    await rm(home, { recursive: true, force: true });
    await rename(aside, home).catch(async (error: unknown) => {
      // Another demo may have been faster; its pictures are the same.
      if (!(await holdsAll(pictures))) throw error;
    });
  } catch (error) {
    if (error instanceof HazureError && error.code === 'NETWORK_UNAVAILABLE') {
      throw new HazureError('NETWORK_UNAVAILABLE', error.message, {
        hint: "The demo's pictures come from the npm registry: check the network and npm's registry and proxy settings (`npm config get registry`), then run the demo again.",
        cause: error,
      });
    }
    throw error;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
  return pictures;
}

async function holdsAll(folder: string): Promise<boolean> {
  const checks = Object.keys(PICTURES).map((code) => access(join(folder, `${code}.webp`)));
  return (await Promise.allSettled(checks)).every((check) => check.status === 'fulfilled');
}
