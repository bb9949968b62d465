// Lets another queue complete orders that lie in PostgreSQL, and prints how many it did per second as one line of JSON.
//
//   SORTIE_BENCH_DATABASE=postgresql://… node peers.mjs graphile-worker|pg-boss one|many SECONDS ORDERS
//
// Each gets what its documentation names for the purpose; what is counted is what the database says is done.

import { run, makeWorkerUtils, Logger } from "graphile-worker";
import pg from "pg";
import PgBoss from "pg-boss";

const connectionString = process.env.SORTIE_BENCH_DATABASE;
const [peer, mode, secondsText, ordersText] = process.argv.slice(2);
const seconds = Number(secondsText);
const orders = Number(ordersText);
const many = mode === "many";
const CONNECTIONS = 32;
const payload = { n: 1 };

async function count(client, sql) {
  return Number((await client.query(sql)).rows[0].count);
}

const silent = new Logger(() => (level, message) => {
  if (level === "error") console.error(message);
});

// One by one: a statement fetches each job and one completes it. Many: the local queue fetches 500 at a time, and
// completions are sent together.
async function graphileWorker(client) {
  await client.query("DROP SCHEMA IF EXISTS graphile_worker CASCADE");
  const utils = await makeWorkerUtils({ connectionString, logger: silent });
  await utils.migrate();
  await utils.release();
  for (let placed = 0; placed < orders; placed += 10_000) {
    await client.query(
      `SELECT count(*) FROM graphile_worker.add_jobs(ARRAY(
         SELECT json_populate_record(NULL::graphile_worker.job_spec, json_build_object('identifier', 'bench', 'payload', $2::json))
         FROM generate_series(1, $1::int)))`,
      [Math.min(10_000, orders - placed), JSON.stringify(payload)],
    );
  }
  await client.query("VACUUM ANALYZE graphile_worker._private_jobs");
  const concurrency = many ? 24 : 64;
  const start = performance.now();
  const runner = await run({
    connectionString,
    concurrency,
    maxPoolSize: CONNECTIONS,
    noHandleSignals: true,
    pollInterval: 1_000,
    logger: silent,
    taskList: { bench: async () => {} },
    preset: {
      worker: {
        concurrentJobs: concurrency,
        maxPoolSize: CONNECTIONS,
        localQueue: { size: many ? 500 : -1 },
        completeJobBatchDelay: many ? 0 : -1,
        failJobBatchDelay: many ? 0 : -1,
      },
    },
  });
  const end = start + seconds * 1_000;
  while (performance.now() < end) {
    await new Promise((done) => setTimeout(done, 50));
    if ((await client.query("SELECT FROM graphile_worker._private_jobs LIMIT 1")).rowCount === 0) break;
  }
  await runner.stop(); // lets what is under way end
  const took = (performance.now() - start) / 1_000;
  const left = await count(client, "SELECT count(*) FROM graphile_worker._private_jobs");
  return { completed: orders - left, took };
}

// One by one: 64 loops fetch one job and complete it. Many: 4 loops fetch and complete 100 at a time.
async function pgBoss(client) {
  await client.query("DROP SCHEMA IF EXISTS pgboss CASCADE");
  const boss = new PgBoss({ connectionString, max: CONNECTIONS, supervise: false, schedule: false });
  boss.on("error", (failure) => console.error(failure));
  await boss.start();
  await boss.createQueue("bench");
  for (let placed = 0; placed < orders; placed += 10_000) {
    const some = Math.min(10_000, orders - placed);
    await boss.insert(Array.from({ length: some }, () => ({ name: "bench", data: payload })));
  }
  await client.query("VACUUM ANALYZE pgboss.job");
  const loops = many ? 4 : 64;
  const batchSize = many ? 100 : 1;
  const start = performance.now();
  const end = start + seconds * 1_000;
  await Promise.all(
    Array.from({ length: loops }, async () => {
      while (performance.now() < end) {
        const jobs = await boss.fetch("bench", { batchSize });
        if (jobs.length === 0) return;
        await boss.complete("bench", jobs.map((job) => job.id), payload);
      }
    }),
  );
  const took = (performance.now() - start) / 1_000;
  const completed = await count(client, "SELECT count(*) FROM pgboss.job WHERE name = 'bench' AND state = 'completed'");
  await boss.stop({ graceful: false, wait: true });
  return { completed, took };
}

const client = new pg.Client({ connectionString });
await client.connect();
try {
  const { completed, took } = await (peer === "pg-boss" ? pgBoss(client) : graphileWorker(client));
  console.log(JSON.stringify({ completed, seconds: took }));
} finally {
  await client.end();
}
process.exit(0);
