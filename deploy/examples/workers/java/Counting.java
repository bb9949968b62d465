import com.google.protobuf.Struct;
import com.google.protobuf.util.Structs;
import com.google.protobuf.util.Values;

/** What the example does about an order; put your own here. Counts to `steps`, from where an earlier attempt had got. */
class Counting {
    static Struct work(Worker.Job job) throws Exception {
        var payload = job.claim.getWorkOrder().getPayload();
        int steps = number(payload, "steps", 1);
        int from = number(job.checkpoint, "done", 0);
        for (int step = from + 1; step <= steps; step++) {
            boolean stay = from == 0 && step == number(payload, "stay_at", 0); // so that somebody can meet it at work
            Thread.sleep(stay ? Integer.MAX_VALUE : number(payload, "pause_ms", 0)); // throws when it is stopped
            job.log("step " + step + " of " + steps);
            job.checkpoint = Structs.of("done", Values.of(step));
        }
        if (payload.containsFields("fatal")) throw new IllegalArgumentException("told to give up");
        if (job.claim.getAttempt() <= number(payload, "failures", 0)) throw new Exception("told to fail");
        return Structs.of("steps", Values.of(steps), "resumed", Values.of(from > 0));
    }

    private static int number(Struct struct, String name, int otherwise) {
        var value = struct.getFieldsMap().get(name);
        return value == null ? otherwise : (int) value.getNumberValue();
    }
}
