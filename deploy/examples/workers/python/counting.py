"""What the example does about an order; put your own here."""


def work(job, payload):
    """Counts to `steps`, from where an earlier attempt had got."""
    start, steps = int((job.checkpoint or {}).get('done', 0)), int(payload.get('steps', 1))
    for step in range(start + 1, steps + 1):
        stay = step == payload.get('stay_at') and start == 0  # so that somebody can meet it at work
        if job.stopped.wait(None if stay else payload.get('pause_ms', 0) / 1000):
            raise InterruptedError('stopped')
        job.log(f'step {step} of {steps}')
        job.checkpoint = {'done': step}
    if payload.get('fatal'):
        raise ValueError('told to give up')
    if job.attempt <= payload.get('failures', 0):
        raise RuntimeError('told to fail')
    return {'steps': steps, 'resumed': start > 0}
