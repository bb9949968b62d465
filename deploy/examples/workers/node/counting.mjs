// What the example does about an order; put your own here.
import { setTimeout as pause } from 'node:timers/promises';

/** Counts to `steps`, from where an earlier attempt had got. */
export async function work(job, { steps = 1, pause_ms = 0, stay_at = 0, failures = 0, fatal = false }) {
  const from = job.checkpoint?.done ?? 0;
  for (let step = from + 1; step <= steps; step++) {
    const stay = step === stay_at && from === 0; // so that somebody can meet it at work
    await pause(stay ? 2 ** 31 - 1 : pause_ms, undefined, { signal: job.stop.signal }); // throws when it is stopped
    await job.log(`step ${step} of ${steps}`);
    job.checkpoint = { done: step };
  }
  if (fatal || job.attempt <= failures) throw Object.assign(new Error('told to fail'), { fatal });
  return { steps, resumed: from > 0 };
}
