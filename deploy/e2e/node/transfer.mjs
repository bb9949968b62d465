// Uploads a content to an asset and downloads it again, in two parts, with Node's own gRPC client.
//
// usage: node transfer.mjs --mission HOST:PORT --token-file FILE --descriptors FILE --asset ID [--mib SIZE]
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import grpc from '@grpc/grpc-js';
import { create, createFileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

const { values: options } = parseArgs({
  options: {
    mission: { type: 'string' },
    agent: { type: 'string' },
    knowledge: { type: 'string' },
    'token-file': { type: 'string' },
    descriptors: { type: 'string' },
    asset: { type: 'string' },
    mib: { type: 'string', default: '64' },
  },
});
const chunkBytes = 256 * 1024;
const chunks = Number(options.mib) * 4;
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(options.descriptors)));
const service = registry.getService('sortie.mission.v1.AssetService');
const methodOf = (name) => service.methods.find((method) => method.name === name);
const pathOf = (method) => `/${service.typeName}/${method.name}`;
const client = new grpc.Client(options.mission, grpc.credentials.createInsecure());
const metadata = new grpc.Metadata();
metadata.set('authorization', `Bearer ${readFileSync(options['token-file'], 'utf8').trim()}`);
const identity = (bytes) => bytes;

/** Sends the content, no faster than it is taken; resolves to its SHA-256 and the answer. */
async function upload() {
  const method = methodOf('UploadAssetContent');
  const encode = (message) => Buffer.from(toBinary(method.input, create(method.input, message)));
  const sum = createHash('sha256');
  let stream;
  const answer = new Promise((resolve, reject) => {
    stream = client.makeClientStreamRequest(pathOf(method), identity, identity, metadata, (error, bytes) =>
      error ? reject(error) : resolve(fromBinary(method.output, bytes)),
    );
  });
  const send = async (message) => {
    if (!stream.write(encode(message))) await Promise.race([once(stream, 'drain'), answer]);
  };
  await send({ assetId: options.asset, mediaType: 'application/octet-stream', size: BigInt(chunks * chunkBytes) });
  for (let i = 0; i < chunks; i += 1) {
    const data = randomBytes(chunkBytes);
    sum.update(data);
    await send({ data });
  }
  const sha256 = sum.digest('hex');
  await send({ sha256 });
  stream.end();
  return { sha256, asset: (await answer).asset };
}

/** Reads from an offset, up to a number of bytes, into a sum; resolves to where it ended. */
function download(offset, sha256, most, sum) {
  const method = methodOf('DownloadAssetContent');
  const request = create(method.input, { assetId: options.asset, offset: BigInt(offset), sha256 });
  return new Promise((resolve, reject) => {
    let at = offset;
    const bytes = Buffer.from(toBinary(method.input, request));
    const stream = client.makeServerStreamRequest(pathOf(method), identity, identity, bytes, metadata);
    stream.on('data', (message) => {
      const part = fromBinary(method.output, message);
      if (at - offset >= most) return; // what was on its way when the stream was cancelled
      if (part.data.length > 0) {
        if (Number(part.offset) !== at) reject(new Error(`a gap at ${at}: the next bytes are at ${part.offset}`));
        sum.update(part.data);
        at += part.data.length;
      }
      if (at - offset >= most) {
        stream.cancel();
        resolve(at);
      }
    });
    stream.on('error', (error) => (at - offset >= most ? resolve(at) : reject(error)));
    stream.on('end', () => resolve(at));
  });
}

const begin = Date.now();
const { sha256, asset } = await upload();
const uploaded = Date.now();
if (asset.contentInfo.sha256 !== sha256) throw new Error(`the server has ${asset.contentInfo.sha256}, not ${sha256}`);
const sum = createHash('sha256');
const half = await download(0, '', (chunks / 2) * chunkBytes, sum);
const end = await download(half, sha256, Infinity, sum);
if (end !== chunks * chunkBytes) throw new Error(`${end} bytes came, not ${chunks * chunkBytes}`);
if (sum.digest('hex') !== sha256) throw new Error('what came is not what was sent');
client.close();
console.log(
  `Node: ${options.mib} MiB up in ${uploaded - begin} ms, down in ${Date.now() - uploaded} ms, taken up again at ${half}`,
);
