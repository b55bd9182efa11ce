import picomatch from 'picomatch';
import { InputError } from '@hazure/contracts';
import { SNIFF_BYTES } from '@hazure/image-formats';
import type { Collector } from '../collector.js';
import { folderOf } from '../ids.js';
import { isHidden } from '../member-name.js';
import { addContainer } from './container.js';
import { isRemoteImage, LOOKED_AT_ONCE, s3Found } from './found.js';
import { isGlob } from './glob.js';
import { parseS3, type S3Address, type S3Listed } from './s3.js';

/** Takes in an object, or what is below a prefix or matches a pattern. */
export async function addS3(text: string, collector: Collector): Promise<void> {
  const address = parseS3(text);
  const { bucket, key } = address;
  if (key !== '' && !key.endsWith('/')) {
    const resource = await collector.s3.open(address);
    if (resource) {
      const signed = (): Promise<string> => collector.s3.signed(address);
      if (!(await addContainer(resource, signed, collector)))
        await collector.add(s3Found({ ...address, bytes: resource.size, modifiedMs: resource.modifiedMs }));
      return;
    }
  }
  if (isGlob(key)) return addS3Glob(text, address, collector);
  const folder = key === '' || key.endsWith('/') ? key : `${key}/`;
  let objects = await addS3Prefix(bucket, folder, collector);
  // a prefix need not end at a folder
  if (objects === 0 && folder !== key) objects = await addS3Prefix(bucket, key, collector);
  if (objects === 0)
    throw new InputError('INPUT_MISSING', `There is no object below ${text}`, {
      hint: 'Check the bucket and the prefix.',
    });
}

async function addS3Glob(text: string, { bucket, key }: S3Address, collector: Collector): Promise<void> {
  const { base } = picomatch.scan(key);
  const matches = picomatch(key);
  const folder = base === '' ? '' : `${base}/`;
  if ((await addS3Prefix(bucket, folder, collector, matches)) === 0) {
    throw new InputError('INPUT_MISSING', `Nothing matches ${text}`, {
      hint: 'Check the bucket and the pattern.',
    });
  }
}

/** @returns how many objects there are, images or not */
async function addS3Prefix(
  bucket: string,
  prefix: string,
  collector: Collector,
  matches: (key: string) => boolean = () => true,
): Promise<number> {
  const root = folderOf(`${bucket}/${prefix}`);
  let objects = 0;
  let part: S3Listed[] = [];
  const flush = async (): Promise<void> => {
    const images = await Promise.all(
      part.map((each) => isRemoteImage(each.key, () => headOfS3(each, collector))),
    );
    for (const [i, each] of part.entries()) {
      if (images[i]) await collector.add(s3Found(each), root);
      else collector.leftOut.other(each.key);
    }
    part = [];
  };
  for await (const each of collector.s3.list(bucket, prefix)) {
    if (!matches(each.key)) continue;
    objects++;
    if (isHidden(each.key.slice(prefix.length))) collector.leftOut.add('hidden');
    else part.push(each);
    if (part.length >= LOOKED_AT_ONCE) await flush();
  }
  await flush();
  return objects;
}

async function headOfS3(each: S3Listed, collector: Collector): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  if (each.bytes === 0) return Buffer.alloc(0);
  await collector.s3.again(`s3://${each.bucket}/${each.key}`, async () => {
    parts.length = 0;
    for await (const chunk of collector.s3.body(each, 0, Math.min(each.bytes, SNIFF_BYTES)))
      parts.push(chunk);
  });
  return Buffer.concat(parts);
}
