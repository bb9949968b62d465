// A worker in Node: claims orders of some queues, several at once, and says how they went. See ../README.md.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import grpc from '@grpc/grpc-js';
import { createFileRegistry, fromBinary, fromJson, toBinary, toJson } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { work } from './counting.mjs';

const { SORTIE_ADDRESS = '127.0.0.1:7402', SORTIE_TOKEN = '', SORTIE_QUEUES = 'example' } = process.env;
const { SORTIE_CONCURRENCY: slots = '4', SORTIE_LEASE_SECONDS: lease = '30' } = process.env;
const { SORTIE_CONTRACT = 'sortie.binpb' } = process.env;

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(SORTIE_CONTRACT)));
const options = { 'grpc.max_reconnect_backoff_ms': 5_000 };
// createSsl() across a network
const client = new grpc.Client(SORTIE_ADDRESS, grpc.credentials.createInsecure(), options);
const metadata = grpc.Metadata.fromHttp2Headers({ authorization: `Bearer ${SORTIE_TOKEN}` });

/** One call, in protobuf's JSON. A list of requests goes out as a stream. */
function call(service, name, requests, seconds = 10) {
  const { input, output } = registry.getService(`sortie.agent.v1.${service}`).methods.find((m) => m.name === name);
  const encode = (json) => Buffer.from(toBinary(input, fromJson(input, json, { registry })));
  const decode = (bytes) => toJson(output, fromBinary(output, bytes), { registry, useProtoFieldName: true });
  return new Promise((resolve, reject) => {
    const done = (error, answer) => (error ? reject(error) : resolve(answer));
    const how = [metadata, { deadline: Date.now() + seconds * 1_000 }, done];
    const path = [`/sortie.agent.v1.${service}/${name}`, encode, decode];
    const stream = Array.isArray(requests) && client.makeClientStreamRequest(...path, ...how);
    if (stream) requests.concat(null).forEach((request) => (request ? stream.write(request) : stream.end()));
    const unary = stream || client.makeUnaryRequest(...path, requests, ...how);
    if (name === 'ClaimWork') waiting = unary;
  });
}

/** A call that is safe to repeat, until it is answered, with longer and longer pauses. */
async function retry(...request) {
  const passing = [grpc.status.UNAVAILABLE, grpc.status.DEADLINE_EXCEEDED, grpc.status.RESOURCE_EXHAUSTED];
  for (let wait = 100; ; wait = Math.min(2 * wait, 5_000)) {
    try {
      return await call(...request);
    } catch (error) {
      if (!passing.includes(error.code) || (leaving && request[1] === 'ClaimWork')) throw error;
      await pause(wait * (0.5 + Math.random() / 2));
    }
  }
}

/** Why the server refused, such as ERROR_REASON_CLAIM_STALE: it stands in the details of the status. */
const reason = ({ metadata: trailers }) => /ERROR_REASON_\w+/.exec(trailers?.get('grpc-status-details-bin')[0])?.[0];

const jobs = new Map(); // what the worker holds, by order
let worker, waiting, leaving; // its id; its call that waits for work; why it takes no more

async function run({ work_order: { work_order_id, payload = {} }, claim_token, execution_id, attempt, checkpoint }) {
  const claim = { work_order_id, claim_token };
  let sequence = 0;
  /** Sends a line; one that comes twice is dropped by the server. Who writes many sends some hundreds together. */
  const log = (message, level = 'LOG_LEVEL_INFO') => {
    const lines = [{ sequence: ++sequence, level, message }];
    return retry('ExecutionService', 'AppendLogs', [{ execution_id, claim_token, lines }]);
  };
  const job = { claim, attempt, checkpoint, saved: checkpoint, log, stop: new AbortController() };
  jobs.set(work_order_id, job);
  if (leaving === 'shutdown') job.stop.abort(leaving);
  try {
    const result = await work(job, payload);
    await retry('WorkService', 'CompleteWork', { completions: [{ claim, result }] });
  } catch (error) {
    const refused = (again) => console.log(`${work_order_id}: ${reason(again) ?? again}`);
    if (job.stop.signal.reason === 'shutdown') {
      const checkpoints = job.checkpoint ? [{ work_order_id, checkpoint: job.checkpoint }] : [];
      await retry('WorkService', 'ReleaseWork', { claims: [claim], checkpoints }).catch(refused);
    } else if (job.stop.signal.aborted || error.code in grpc.status) {
      refused(job.stop.signal.reason ?? error); // no longer this worker's
    } else {
      const what = { error_message: error.message, error_type: error.name, non_retryable: error.fatal === true };
      await retry('WorkService', 'FailWork', { failures: [{ claim, ...what }] }).catch(refused);
    }
  }
  jobs.delete(work_order_id);
}

/** Keeps what the worker holds, and says how far it has got; learns what is to be stopped. */
async function heartbeat() {
  const held = new Map(jobs);
  const moved = [...held].filter(([, job]) => job.checkpoint !== job.saved);
  const checkpoints = moved.map(([work_order_id, { checkpoint }]) => ({ work_order_id, checkpoint }));
  const claims = [...held.values()].map((job) => job.claim);
  try {
    const answer = await call('WorkService', 'HeartbeatWork', { worker_id: worker, claims, checkpoints });
    checkpoints.forEach((each) => (held.get(each.work_order_id).saved = each.checkpoint));
    const stale = (answer.outcomes ?? []).filter((outcome) => outcome.error);
    stale.forEach((each) => held.get(each.work_order_id).stop.abort(each.cancel_requested ? 'cancelled' : 'lost'));
    if (answer.drain_requested) leave('drain');
  } catch (error) {
    if (error.code === grpc.status.FAILED_PRECONDITION) held.forEach((job) => job.stop.abort('lost'));
  }
}

async function register() {
  const limits = { max_concurrent_tasks: Number(slots), lease_duration: `${lease}s` };
  const described = { name: 'node', worker_type: 'TASK_TYPE_TEST', software_version: '1.0', ...limits };
  const answer = await retry('WorkerService', 'RegisterWorker', { worker: described, request_id: randomUUID() });
  worker = answer.worker.worker_id;
  const capabilities = [{ name: 'counting', level: 'CAPABILITY_LEVEL_EXPERT' }];
  await retry('WorkerService', 'SetWorkerCapabilities', { worker_id: worker, capabilities });
}

function leave(why) {
  leaving = why;
  waiting?.cancel();
  if (why === 'shutdown') jobs.forEach((job) => job.stop.abort(why));
  if (why === 'shutdown') setTimeout(() => process.exit(1), 20_000).unref(); // for the server may be away
}

process.on('SIGTERM', () => leave('shutdown')).on('SIGINT', () => leave('shutdown'));
await register();
const beat = setInterval(heartbeat, (lease * 1_000) / 3);
while (!leaving) {
  const ask = { worker_id: worker, queue_names: SORTIE_QUEUES.split(','), max_orders: slots - jobs.size, wait: '20s' };
  try {
    // One id until there is an answer: what was claimed by a call whose answer got lost is not lost with it.
    const { claims = [] } = await retry('WorkService', 'ClaimWork', { ...ask, request_id: randomUUID() }, 30);
    claims.forEach((claim) => run(claim));
  } catch (error) {
    if (reason(error) === 'ERROR_REASON_WORKER_NOT_REGISTERED') await register();
    else if (reason(error) === 'ERROR_REASON_WORKER_DRAINING') leave('drain');
    else if (!leaving) await pause(1_000);
  }
  while (jobs.size >= slots) await pause(20);
}
while (jobs.size > 0) await pause(20);
clearInterval(beat);
await retry('WorkerService', 'DeregisterWorker', { worker_id: worker }); // gives back whatever else it may hold
client.close();
