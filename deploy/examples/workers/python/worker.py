"""A worker in Python: claims orders of some queues, several at once, and says how they went. See ../README.md."""
import os, random, re, signal, threading, time, uuid
import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from counting import work

SLOTS, LEASE = int(os.environ.get('SORTIE_CONCURRENCY', 4)), int(os.environ.get('SORTIE_LEASE_SECONDS', 30))
QUEUES = os.environ.get('SORTIE_QUEUES', 'example').split(',')
METADATA = [('authorization', 'Bearer ' + os.environ.get('SORTIE_TOKEN', ''))]
PASSING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED}
channel = grpc.insecure_channel(  # secure_channel across a network
    os.environ.get('SORTIE_ADDRESS', '127.0.0.1:7402'), [('grpc.max_reconnect_backoff_ms', 5000)])
pool = descriptor_pool.DescriptorPool()
with open(os.environ.get('SORTIE_CONTRACT', 'sortie.binpb'), 'rb') as contract:
    for file in descriptor_pb2.FileDescriptorSet.FromString(contract.read()).file:
        pool.AddSerializedFile(file.SerializeToString())
message = getattr(message_factory, 'GetMessageClass', None) or message_factory.MessageFactory(pool).GetPrototype
jobs = {}  # what the worker holds, by order
worker_id = leaving = waiting = None  # its id; why it takes no more; its call that waits for work

def call(service, name, request, seconds=10):
    """One call, in protobuf's JSON. A list of requests goes out as a stream."""
    global waiting
    method = pool.FindServiceByName('sortie.agent.v1.' + service).methods_by_name[name]
    encode = lambda json: json_format.ParseDict(json, message(method.input_type)()).SerializeToString()
    make = channel.stream_unary if isinstance(request, list) else channel.unary_unary
    begin = make(f'/sortie.agent.v1.{service}/{name}', encode, message(method.output_type).FromString)
    future = begin.future(iter(request) if isinstance(request, list) else request, seconds, METADATA)
    waiting = future if name == 'ClaimWork' else waiting
    return json_format.MessageToDict(future.result(), preserving_proto_field_name=True, descriptor_pool=pool)

def retry(service, name, *request, wait=0.1):
    """A call that is safe to repeat, until it is answered, with longer and longer pauses."""
    while True:
        try:
            return call(service, name, *request)
        except grpc.RpcError as error:
            if error.code() not in PASSING or (leaving and name == 'ClaimWork'):
                raise
        time.sleep(wait * random.uniform(0.5, 1))
        wait = min(2 * wait, 5)

def reason(error):
    """Why the server refused, such as ERROR_REASON_CLAIM_STALE: it stands in the details of the status."""
    details = dict(error.trailing_metadata() or ()).get('grpc-status-details-bin', b'')
    return b''.join(re.findall(rb'ERROR_REASON_\w+', details)[:1]).decode()

class Job(threading.Thread):  # what the worker does about an order that it holds
    def __init__(self, claim):
        super().__init__()
        self.order, self.attempt, self.execution = claim['work_order'], claim['attempt'], claim['execution_id']
        self.id, self.token = self.order['work_order_id'], claim['claim_token']
        self.claim = {'work_order_id': self.id, 'claim_token': self.token}
        self.checkpoint = self.saved = claim.get('checkpoint')
        self.stopped, self.why, self.lines = threading.Event(), None, 0  # why it is to stop

    def log(self, text):
        """Sends a line; one that comes twice is dropped by the server. Who writes many sends some hundreds together."""
        self.lines += 1
        line = {'sequence': self.lines, 'level': 'LOG_LEVEL_INFO', 'message': text}
        retry('ExecutionService', 'AppendLogs',
              [{'execution_id': self.execution, 'claim_token': self.token, 'lines': [line]}])

    def stop(self, why):
        self.why = why
        self.stopped.set()

    def run(self):
        try:
            result = work(self, self.order.get('payload', {}))
            end = ('CompleteWork', {'completions': [{'claim': self.claim, 'result': result}]})
        except Exception as error:
            failure = {'claim': self.claim, 'error_message': repr(error), 'error_type': type(error).__name__,
                       'non_retryable': isinstance(error, ValueError)}
            marks = [{'work_order_id': self.id, 'checkpoint': self.checkpoint}] if self.checkpoint else []
            release = ('ReleaseWork', {'claims': [self.claim], 'checkpoints': marks})
            end = release if self.why == 'shutdown' else ('FailWork', {'failures': [failure]})
        try:
            if self.why in (None, 'shutdown'):
                retry('WorkService', *end)
        except grpc.RpcError as refused:
            print(f"{self.id}: no longer this worker's: {reason(refused) or refused}", flush=True)
        del jobs[self.id]

def heartbeat():
    """Keeps what the worker holds, and says how far it has got; learns what is to be stopped."""
    threading.Timer(LEASE / 3, heartbeat).start()
    held = dict(jobs)
    moved = {order: job.checkpoint for order, job in held.items() if job.checkpoint != job.saved}
    marks = [{'work_order_id': order, 'checkpoint': mark} for order, mark in moved.items()]
    claims = [job.claim for job in held.values()]
    try:
        answer = call('WorkService', 'HeartbeatWork', {'worker_id': worker_id, 'claims': claims, 'checkpoints': marks})
        for order, mark in moved.items():
            held[order].saved = mark
        for outcome in answer.get('outcomes', []):
            if 'error' in outcome:
                held[outcome['work_order_id']].stop('cancelled' if outcome.get('cancel_requested') else 'lost')
        if answer.get('drain_requested'):
            leave('drain')
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.FAILED_PRECONDITION:
            [job.stop('lost') for job in held.values()]

def register():
    global worker_id
    worker = {'name': 'python', 'worker_type': 'TASK_TYPE_TEST', 'software_version': '1.0',
              'max_concurrent_tasks': SLOTS, 'lease_duration': f'{LEASE}s'}
    answer = retry('WorkerService', 'RegisterWorker', {'worker': worker, 'request_id': str(uuid.uuid4())})
    worker_id, counting = answer['worker']['worker_id'], {'name': 'counting', 'level': 'CAPABILITY_LEVEL_EXPERT'}
    retry('WorkerService', 'SetWorkerCapabilities', {'worker_id': worker_id, 'capabilities': [counting]})

def leave(why):
    global leaving
    leaving = why
    if waiting:
        waiting.cancel()
    [job.stop(why) for job in list(jobs.values()) if why == 'shutdown']

def ask():
    """Asks for work: by one id until there is an answer, for what was claimed may be lost with an answer otherwise."""
    request = {'worker_id': worker_id, 'queue_names': QUEUES, 'max_orders': SLOTS - len(jobs), 'wait': '20s'}
    try:
        answer = retry('WorkService', 'ClaimWork', {**request, 'request_id': str(uuid.uuid4())}, 30)
        for job in map(Job, answer.get('claims', [])):
            jobs[job.id] = job
            job.start()
    except grpc.FutureCancelledError:
        return  # it is to leave
    except grpc.RpcError as error:
        if reason(error) == 'ERROR_REASON_WORKER_NOT_REGISTERED':
            register()
        elif reason(error) == 'ERROR_REASON_WORKER_DRAINING':
            leave('drain')
        elif not leaving:
            time.sleep(1)

for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: (leave('shutdown'), signal.alarm(20)))  # for the server may be away
register()
heartbeat()
while jobs or not leaving:
    if leaving == 'shutdown':
        leave(leaving)  # also for what came last
    elif not leaving and len(jobs) < SLOTS:
        ask()
    time.sleep(0.02)
retry('WorkerService', 'DeregisterWorker', {'worker_id': worker_id})  # gives back whatever else it may hold
os._exit(0)  # without waiting for the timer
