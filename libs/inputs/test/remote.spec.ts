import { once } from 'node:events';
import { request as forward, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { create } from 'tar';
import { bytesOf, file, idsOf, picture, problemsOf, put, scratchFolder, serve, withInputs } from './kit.js';
import { startS3 } from './s3.js';

const scratch = scratchFolder();
const at = (name: string): string => join(scratch.path, name);
/** Quick to give up, so that a fault costs milliseconds. */
const limits = { pauseMs: 1, timeoutMs: 300 };

test('HTTP: 503, resets, cut bodies, silence and slow answers are tried again; nothing is lost or doubled', async () => {
  const images = await Promise.all([0, 1, 2, 3].map((seed) => picture(seed)));
  for (const [i, image] of images.entries()) await put(at(`p/${i}.png`), image);
  await create({ file: at('all.tar'), cwd: at('p') }, ['.']);
  const server = await serve(scratch.path, (request, response, nth) => {
    switch (nth % 5) {
      case 0:
        response.writeHead(503, { 'retry-after': '0' }).end('busy');
        return true;
      case 1:
        request.socket.destroy();
        return true;
      case 2:
        void file(scratch.path, request, response, 0.5).catch(() => response.destroy());
        return true;
      case 3:
        return true; // says nothing
      default:
        return false;
    }
  });
  try {
    for (const address of [`${server.url}/p/`, `${server.url}/all.tar`]) {
      await withInputs([address], { limits: { ...limits, attempts: 12 } }, async (inputs) => {
        const refs = await inputs.refs();
        expect(refs.map(({ id }) => id)).toEqual(['0.png', '1.png', '2.png', '3.png']);
        const read = await Promise.all(refs.map(bytesOf));
        expect(read.every((bytes, i) => bytes.equals(images[i]))).toBe(true);
      });
    }
  } finally {
    await server.close();
  }
});

test('HTTP: what stays broken is a coded error or a failure that names the address, without its secrets', async () => {
  await put(at('p/0.png'), await picture(0));
  await put(at('p/1.png'), await picture(1));
  const server = await serve(scratch.path, (request, response) => {
    if (request.url?.startsWith('/p/1.png')) response.writeHead(500).end();
    return request.url?.startsWith('/p/1.png') ?? false;
  });
  try {
    expect(await problemsOf([`${server.url}/p/`], { limits: { ...limits, attempts: 2 } })).toEqual({
      '1.png': expect.stringMatching(/500.*tried 2 times/),
    });
    const secret = server.url.replace('http://', 'http://user:hunter2@');
    const error = await idsOf([`${secret}/none.png?token=hunter2`]).catch((reason: Error) => reason);
    expect(error).toMatchObject({
      code: 'INPUT_UNREADABLE',
      message: expect.stringMatching(/none\.png.*404/),
    });
    expect(String(error)).not.toContain('hunter2');
    await put(at('big.png'), Buffer.alloc(5000));
    expect(await problemsOf([`${server.url}/big.png`], { limits: { maxImageBytes: 1000 } })).toEqual({
      'big.png': expect.stringMatching(/larger than/),
    });
  } finally {
    await server.close();
  }
  await expect(
    idsOf(['http://127.0.0.1:9/x.png'], { limits: { ...limits, attempts: 2 } }),
  ).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' });
});

test('S3: 503, resets and slow answers are tried again', async () => {
  const s3 = await startS3(at('s3'), ['bucket']);
  let nth = 0;
  const faulty = createServer((request, response) => {
    nth++;
    if (nth % 4 === 1) return void response.writeHead(503).end('<Error><Code>SlowDown</Code></Error>');
    if (nth % 4 === 2) return void request.socket.destroy();
    if (nth % 4 === 3 && request.method === 'GET' && !request.url?.includes('list-type')) {
      response.writeHead(200, { 'content-length': 500 });
      response.write('half');
      return; // and then silence
    }
    const onward = forward(
      {
        port: s3.port,
        host: '127.0.0.1',
        path: request.url,
        method: request.method,
        headers: request.headers,
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      },
    );
    request.pipe(onward);
  });
  faulty.listen(0, '127.0.0.1');
  await once(faulty, 'listening');
  const env = { ...s3.env, AWS_ENDPOINT_URL: `http://127.0.0.1:${(faulty.address() as AddressInfo).port}` };
  try {
    const images = await Promise.all([0, 1, 2, 3, 4].map((seed) => picture(seed)));
    for (const [i, image] of images.entries()) await s3.put('bucket', `p/${i}.png`, image);
    await withInputs(['s3://bucket/p/'], { env, limits: { ...limits, attempts: 20 } }, async (inputs) => {
      const refs = await inputs.refs();
      expect(refs.map(({ id }) => id)).toEqual(['0.png', '1.png', '2.png', '3.png', '4.png']);
      const read = await Promise.all(refs.map(bytesOf));
      expect(read.every((bytes, i) => bytes.equals(images[i]))).toBe(true);
    });
    await put(at('l.txt'), 's3://bucket/p/0.png\ns3://bucket/p/gone.png\n');
    expect(await problemsOf([at('l.txt')], { env: s3.env, limits })).toEqual({
      'gone.png': expect.stringMatching(/gone\.png.*(404|NoSuchKey)/),
    });
    const wrong = { ...s3.env, AWS_ACCESS_KEY_ID: 'no', AWS_SECRET_ACCESS_KEY: 'body' };
    await expect(idsOf(['s3://bucket/p/'], { env: wrong, limits })).rejects.toMatchObject({
      code: 'INPUT_UNREADABLE',
      message: expect.stringMatching(/s3:\/\/bucket\/p\//),
    });
  } finally {
    faulty.closeAllConnections();
    faulty.close();
    await s3.close();
  }
});
