import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { AddressInfo } from 'node:net';

/** The part of s3rver, which has no types, that is used here. */
interface S3rver {
  run(): Promise<AddressInfo>;
  close(): Promise<void>;
}

export interface S3Server {
  readonly env: NodeJS.ProcessEnv;
  readonly port: number;
  put(bucket: string, key: string, body: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** A real S3-compatible server over a folder. */
export async function startS3(directory: string, buckets: readonly string[]): Promise<S3Server> {
  const { default: Server } = (await import('s3rver' as string)) as {
    default: new (options: object) => S3rver;
  };
  const server = new Server({ port: 0, address: '127.0.0.1', silent: true, directory, resetOnClose: true });
  const { port } = await server.run();
  const env = {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    AWS_ACCESS_KEY_ID: 'S3RVER',
    AWS_SECRET_ACCESS_KEY: 'S3RVER',
    AWS_REGION: 'eu-west-1',
  };
  const client = new S3Client({
    endpoint: env.AWS_ENDPOINT_URL,
    forcePathStyle: true,
    region: env.AWS_REGION,
    credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' },
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
  for (const Bucket of buckets) await client.send(new CreateBucketCommand({ Bucket }));
  return {
    env,
    port,
    put: async (Bucket, Key, Body) => {
      await client.send(new PutObjectCommand({ Bucket, Key, Body }));
    },
    close: async () => {
      client.destroy();
      await server.close();
    },
  };
}
