// Plays the scenarios of ../scenarios against running servers, with Node's own gRPC client.
//
// usage: node run.mjs --mission HOST:PORT --agent HOST:PORT --knowledge HOST:PORT
//                     --token-file FILE --descriptors FILE [SCENARIO.json …]
import { readFileSync, readdirSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { setTimeout as pause } from 'node:timers/promises';
import grpc from '@grpc/grpc-js';
import { createFileRegistry, fromBinary, fromJson, toBinary, toJson } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

const here = dirname(fileURLToPath(import.meta.url));
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    mission: { type: 'string' },
    agent: { type: 'string' },
    knowledge: { type: 'string' },
    'token-file': { type: 'string' },
    descriptors: { type: 'string', default: join(here, '../../../proto/target/sortie.binpb') },
  },
});
for (const needed of ['mission', 'agent', 'knowledge', 'token-file']) {
  if (!options[needed]) {
    console.error(`run.mjs: --${needed} is missing; see the first lines of this file`);
    process.exit(2);
  }
}

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(options.descriptors)));
const admin = readFileSync(options['token-file'], 'utf8').trim();
const clients = Object.fromEntries(
  ['mission', 'agent', 'knowledge'].map((service) => [
    service,
    new grpc.Client(options[service], grpc.credentials.createInsecure()),
  ]),
);

class Mismatch extends Error {}

/** A copy of `template` in which every placeholder has its value. */
function fill(template, saved) {
  if (Array.isArray(template)) return template.map((item) => fill(item, saved));
  if (template !== null && typeof template === 'object') {
    return Object.fromEntries(Object.entries(template).map(([key, value]) => [key, fill(value, saved)]));
  }
  if (typeof template !== 'string') return template;
  return template.replace(/\$\{([^}]+)\}/g, (_, name) => {
    const [kind, first, second] = name.split(':');
    if (kind === 'repeat') return first.repeat(Number(second));
    if (kind === 'uuid') return (saved[name] ??= randomUUID());
    if (!(name in saved)) throw new Error(`nothing is saved as ${name}`);
    return saved[name];
  });
}

const isDefault = (value) =>
  value === 0 || value === '' || value === '0' || value === false || (Array.isArray(value) && value.length === 0);

/** Throws unless `actual` holds everything that `expected` names. */
function match(expected, actual, path) {
  if (expected === '<any>') {
    if (actual === undefined) throw new Mismatch(`${path}: is absent`);
  } else if (actual === undefined) {
    if (!isDefault(expected)) throw new Mismatch(`${path}: is absent, expected ${JSON.stringify(expected)}`);
  } else if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) {
      throw new Mismatch(`${path}: is ${JSON.stringify(actual)}, expected ${expected.length} items`);
    }
    expected.forEach((item, index) => match(item, actual[index], `${path}[${index}]`));
  } else if (expected !== null && typeof expected === 'object') {
    if (actual === null || typeof actual !== 'object') {
      throw new Mismatch(`${path}: is ${JSON.stringify(actual)}, expected an object`);
    }
    for (const [key, value] of Object.entries(expected)) match(value, actual[key], `${path}.${key}`);
  } else if (expected !== actual) {
    throw new Mismatch(`${path}: is ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`);
  }
}

const at = (value, path) =>
  path.split('.').reduce((inner, key) => (inner === undefined || inner === null ? undefined : inner[key]), value);

function credential(step, saved) {
  const as = step.as ?? 'admin';
  if (as === 'nobody') return null;
  if (as === 'admin') return admin;
  if (as === 'forged') return admin.slice(0, -1) + (admin.endsWith('A') ? 'B' : 'A');
  if (!(as in saved)) throw new Error(`no secret is saved as ${as}`);
  return saved[as];
}

/** The reason of a failure, and the fields it is about. */
function details(error) {
  const [bytes] = error.metadata?.get('grpc-status-details-bin') ?? [];
  const found = { fields: [] };
  if (!bytes) return found;
  for (const { typeUrl, value } of fromBinary(registry.getMessage('google.rpc.Status'), bytes).details) {
    const detail = fromBinary(registry.getMessage(typeUrl.split('/').pop()), value);
    if (typeUrl.endsWith('/google.rpc.ErrorInfo')) found.reason = detail.reason;
    if (typeUrl.endsWith('/google.rpc.BadRequest')) found.fields = detail.fieldViolations.map(({ field }) => field);
  }
  return found;
}

/** What it takes to make the call of a step. */
function prepare(step, saved) {
  const [serviceName, methodName] = step.call.split('/');
  const service = registry.getService(serviceName);
  const method = service?.methods.find((candidate) => candidate.name === methodName);
  if (!method) throw new Error(`the contract has no ${step.call}`);
  const client = clients[step.at ?? serviceName.split('.')[1]];
  const metadata = new grpc.Metadata();
  const token = credential(step, saved);
  if (token !== null) metadata.set('authorization', `Bearer ${token}`);
  const encode = (json) => Buffer.from(toBinary(method.input, fromJson(method.input, json, { registry })));
  const decode = (bytes) =>
    toJson(method.output, fromBinary(method.output, bytes), { registry, useProtoFieldName: true });
  return { method, client, metadata, encode, decode, path: `/${serviceName}/${methodName}` };
}

const identity = (bytes) => bytes;

const failure = (error) => ({ code: grpc.status[error.code], message: error.details, ...details(error) });

/** Makes one call and resolves to {code, response, reason, fields}, whatever comes of it. */
async function call(step, saved) {
  const { method, client, metadata, encode, decode, path } = prepare(step, saved);
  const request = fill(step.request ?? {}, saved);
  const callOptions = { deadline: Date.now() + 90_000 };
  try {
    const response = await new Promise((resolve, reject) => {
      const done = (error, bytes) => (error ? reject(error) : resolve(decode(bytes)));
      if (method.methodKind === 'unary') {
        client.makeUnaryRequest(path, identity, identity, encode(request), metadata, callOptions, done);
      } else if (method.methodKind === 'client_streaming') {
        const stream = client.makeClientStreamRequest(path, identity, identity, metadata, callOptions, done);
        for (const message of request) stream.write(encode(message));
        stream.end();
      } else {
        const messages = [];
        const encoded = encode(request);
        const stream = client.makeServerStreamRequest(path, identity, identity, encoded, metadata, callOptions);
        stream.on('data', (bytes) => {
          messages.push(decode(bytes));
          if (messages.length === step.take) {
            resolve({ messages });
            stream.cancel();
          }
        });
        stream.on('error', reject);
        stream.on('end', () => resolve({ messages }));
      }
    });
    return { code: 'OK', response };
  } catch (error) {
    if (typeof error.code !== 'number') throw error;
    return failure(error);
  }
}

/** A bidirectional stream: what came on it waits here until a step takes it. */
class Conversation {
  constructor(step, saved) {
    const { client, metadata, encode, decode, path } = prepare(step, saved);
    this.encode = encode;
    this.messages = [];
    this.end = null;
    this.heard = () => {};
    const callOptions = { deadline: Date.now() + 600_000 };
    this.stream = client.makeBidiStreamRequest(path, identity, identity, metadata, callOptions);
    this.stream.on('data', (bytes) => {
      this.messages.push(decode(bytes));
      this.heard();
    });
    this.stream.on('error', (error) => this.over(failure(error)));
    this.stream.on('end', () => {}); // the status comes after it, and says how
    this.stream.on('status', (status) => this.over(failure(status)));
  }

  over(outcome) {
    this.end ??= outcome;
    this.heard();
  }

  /** Resolves to what `find` returns, once it returns something; it is asked again with all that comes. */
  async until(what, find) {
    const late = Date.now() + 90_000;
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      const left = late - Date.now();
      if (left <= 0) throw new Mismatch(`${what} does not come; waiting are ${JSON.stringify(this.messages)}`);
      let timer;
      await new Promise((resolve) => {
        this.heard = resolve;
        timer = setTimeout(resolve, left);
      });
      clearTimeout(timer);
    }
  }

  /** Takes the first message that holds everything that `expected` names. */
  take(expected) {
    const message = JSON.stringify(expected);
    return this.until(message, () => {
      for (const [index, candidate] of this.messages.entries()) {
        try {
          match(expected, candidate, 'message');
        } catch (mismatch) {
          if (mismatch instanceof Mismatch) continue;
          throw mismatch;
        }
        return this.messages.splice(index, 1)[0];
      }
      if (this.end) {
        throw new Mismatch(`${message} does not come: the stream has ended, ${JSON.stringify(this.end)}`);
      }
      return undefined;
    });
  }
}

/** Says something on a stream, and waits for an answer or for its end. */
async function converse(step, saved, conversations) {
  if (step.call !== undefined) conversations[step.stream] = new Conversation(step, saved);
  const conversation = conversations[step.stream];
  if (!conversation) throw new Error(`no stream is open as ${step.stream}`);
  for (const message of [step.request ?? []].flat()) {
    conversation.stream.write(conversation.encode(fill(message, saved)));
  }
  if (step.close) conversation.stream.end();
  if (step.cut) conversation.stream.cancel();
  const expect = fill(step.expect ?? {}, saved);
  if (expect.code !== undefined) {
    check(expect, await conversation.until('the end', () => conversation.end ?? undefined));
  }
  if (expect.message !== undefined) save(step, await conversation.take(expect.message), saved);
}

function save(step, response, saved) {
  for (const [name, path] of Object.entries(step.save ?? {})) {
    const value = at(response, path);
    if (value === undefined) throw new Mismatch(`${path}: is absent, so it cannot be saved`);
    saved[name] = value;
  }
}

function check(expect, outcome) {
  const code = expect.code ?? 'OK';
  if (outcome.code !== code) {
    throw new Mismatch(`code: is ${outcome.code} (${outcome.message ?? 'fine'}, ${outcome.reason}), expected ${code}`);
  }
  if (expect.reason !== undefined) match(expect.reason, outcome.reason, 'reason');
  if (expect.fields !== undefined) match([...expect.fields].sort(), [...outcome.fields].sort(), 'fields');
  if (expect.response !== undefined) match(expect.response, outcome.response, 'response');
}

async function play(step, saved) {
  const until = Date.now() + (step.within ?? 0) * 1000;
  for (;;) {
    const outcomes = await Promise.all(Array.from({ length: step.times ?? 1 }, () => call(step, saved)));
    try {
      const expect = fill(step.expect ?? {}, saved);
      for (const outcome of outcomes) check(expect, outcome);
      if (expect.same) {
        const values = new Set(outcomes.map((outcome) => JSON.stringify(at(outcome.response, expect.same))));
        if (values.size !== 1) throw new Mismatch(`${expect.same}: ${values.size} different values`);
      }
    } catch (mismatch) {
      if (!(mismatch instanceof Mismatch) || Date.now() >= until) throw mismatch;
      await pause(100);
      continue;
    }
    save(step, outcomes[0].response, saved);
    return;
  }
}

const folder = join(here, '../scenarios');
const files = positionals.length
  ? positionals
  : readdirSync(folder).filter((name) => name.endsWith('.json')).sort().map((name) => join(folder, name));
let failed = 0;
for (const file of files) {
  const { scenario, steps } = JSON.parse(readFileSync(file, 'utf8'));
  const saved = {};
  const conversations = {};
  let number = 0;
  try {
    for (const step of steps) {
      number += 1;
      await (step.stream === undefined ? play(step, saved) : converse(step, saved, conversations));
    }
    console.log(`ok      ${scenario} (${steps.length} steps)`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${scenario}\n        step ${number}: ${steps[number - 1].say}\n        ${error.message}`);
  } finally {
    for (const { stream } of Object.values(conversations)) stream.cancel();
  }
}
for (const client of Object.values(clients)) client.close();
console.log(`Node: ${files.length - failed} scenarios passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
