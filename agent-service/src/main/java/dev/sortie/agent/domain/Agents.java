package dev.sortie.agent.domain;

import dev.sortie.agent.store.AgentStore;
import dev.sortie.runtime.id.Ids;
import dev.sortie.runtime.paging.Page;
import dev.sortie.runtime.paging.PageRequest;
import dev.sortie.runtime.sql.Change;
import dev.sortie.runtime.sql.Combiner.Item;
import dev.sortie.runtime.sql.Combiner.Outcome;
import dev.sortie.runtime.sql.ConstraintViolation;
import dev.sortie.runtime.sql.Queries;
import dev.sortie.runtime.sql.Tx;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Agents: the identities as which workers work. */
public final class Agents {
    private static final Logger LOG = LoggerFactory.getLogger(Agents.class);

    private final AgentStore agents;
    private final AgentPresence presence;
    private final WorkSignals signals;
    private final Ids ids;

    public Agents(AgentStore agents, AgentPresence presence, WorkSignals signals, Ids ids) {
        this.agents = agents;
        this.presence = presence;
        this.signals = signals;
        this.ids = ids;
    }

    /**
     * An agent that shall change.
     *
     * @param etag the version that it must still have; empty means any
     * @param change makes the new values from the present ones
     */
    public record Edit(UUID id, String etag, UnaryOperator<Agent.Fields> change) {}

    /** An agent that shall go, or be taken out of service. */
    public record Request(UUID id, String etag) {}

    public Agent register(Tx tx, Agent.Fields fields) {
        var id = ids.next();
        var agent = agents.insert(tx, id, fields).orElseThrow(() -> nameTaken(tx, fields.name()));
        tx.change(Change.created("agent", id, agent.version())
                .with("agent_id", id)
                .with("status", agent.said()));
        return agent;
    }

    public Agent get(Queries queries, UUID id) {
        return agents.find(queries, id).orElseThrow(() -> AgentFailures.notFound("agent", id));
    }

    public Page<Agent> list(Queries queries, AgentStore.Filter filter, PageRequest page) {
        return page.page(
                agents.list(queries, filter, page.after(), page.limit()),
                agent -> AgentStore.key(filter.order(), agent));
    }

    /** Changes what callers set. */
    public Agent update(Tx tx, Edit edit) {
        var agent = lock(tx, edit.id(), edit.etag());
        var fields = edit.change().apply(agent.fields());
        if (fields.equals(agent.fields())) {
            return agent;
        }
        if (!fields.name().equals(agent.fields().name())
                && agents.findName(tx, fields.name()).isPresent()) {
            throw nameTaken(tx, fields.name());
        }
        try {
            var updated = agents.updateFields(tx, agent.id(), fields);
            tx.change(change(updated));
            return updated;
        } catch (ConstraintViolation broken) {
            if (broken.isOf("agents_name_key")) {
                throw AgentFailures.agentNameTaken(fields.name(), null); // since a moment ago
            }
            throw broken;
        }
    }

    private RuntimeException nameTaken(Queries queries, String name) {
        return AgentFailures.agentNameTaken(name, agents.findName(queries, name).orElse(null));
    }

    /** Takes an agent out of service for good. What its workers hold they may finish; they can claim no more. */
    public Agent deactivate(Tx tx, Request request) {
        var agent = lock(tx, request.id(), request.etag());
        if (agent.deactivatedAt() != null) {
            return agent;
        }
        var gone = agents.deactivate(tx, agent.id());
        tx.change(change(gone));
        tx.audit("DeactivateAgent", "agent", agent.id(), Map.of());
        tx.afterCommit(() -> {
            LOG.atInfo().addKeyValue("agent_id", agent.id()).log("agent is deactivated");
            signals.wakeAll(); // those who wait for work as its workers get none
        });
        return gone;
    }

    /** Deletes an agent; its workers are nobody's then. */
    public Agent delete(Tx tx, Request request) {
        var agent =
                agents.lockForDelete(tx, request.id()).orElseThrow(() -> AgentFailures.notFound("agent", request.id()));
        checkEtag(agent, request.etag());
        for (var left : agents.leaveWorkers(tx, agent.id())) {
            tx.change(Workers.change(left.workerId(), left.version(), left.status()));
        }
        agents.delete(tx, agent.id());
        tx.change(Change.deleted("agent", agent.id(), agent.version()).with("agent_id", agent.id()));
        tx.audit(
                "DeleteAgent",
                "agent",
                agent.id(),
                Map.of("name", agent.fields().name()));
        tx.afterCommit(() -> LOG.atInfo().addKeyValue("agent_id", agent.id()).log("agent is deleted"));
        return agent;
    }

    private Agent lock(Tx tx, UUID id, String etag) {
        var agent = agents.lockAll(tx, List.of(id)).stream()
                .findFirst()
                .orElseThrow(() -> AgentFailures.notFound("agent", id));
        checkEtag(agent, etag);
        return agent;
    }

    private static void checkEtag(Agent agent, String etag) {
        var current = Long.toString(agent.version());
        if (!etag.isEmpty() && !etag.equals(current)) {
            throw AgentFailures.etagMismatch("agent", agent.id(), current);
        }
    }

    /** Takes note of heartbeats. Those that say nothing new write nothing here, and lock nothing. */
    public List<Outcome<Agent>> heartbeat(Tx tx, List<Item<Agent.Heartbeat>> items) {
        var said = new LinkedHashMap<UUID, Item<Agent.Heartbeat>>();
        items.forEach(item -> said.merge(item.value().agentId(), item, Agents::together));
        var known = byId(agents.findAll(tx, said.keySet()));
        var news = new ArrayList<UUID>();
        for (var item : said.values()) {
            var agent = known.get(item.value().agentId());
            if (agent != null && isNews(agent, item.value())) {
                news.add(agent.id());
            }
        }
        if (!news.isEmpty()) {
            known.keySet().removeAll(news);
            var heard = new ArrayList<Agent.Heartbeat>();
            for (var agent : agents.lockAll(tx, news)) {
                var item = said.get(agent.id());
                if (item != null && isNews(agent, item.value())) {
                    heard.add(item.value());
                    tx.change(
                            change(agent.id(), agent.version() + 1, item.value().status()), item.principal());
                }
            }
            if (!heard.isEmpty()) {
                agents.say(tx, heard);
            }
            known.putAll(byId(agents.findAll(tx, news)));
        }
        return items.stream().map(item -> outcome(tx, item, known)).toList();
    }

    private Outcome<Agent> outcome(Tx tx, Item<Agent.Heartbeat> item, Map<UUID, Agent> known) {
        var id = item.value().agentId();
        var agent = known.get(id);
        if (agent == null) {
            return Outcome.refused(AgentFailures.notFound("agent", id));
        }
        if (agent.deactivatedAt() != null) {
            return Outcome.refused(AgentFailures.agentDeactivated(id, agent.deactivatedAt()));
        }
        presence.touch(id, tx.now());
        return Outcome.of(agent);
    }

    /** Of two heartbeats of an agent, what both say together: the later one, and what it leaves as it is. */
    private static Item<Agent.Heartbeat> together(Item<Agent.Heartbeat> earlier, Item<Agent.Heartbeat> later) {
        var one = earlier.value();
        var other = later.value();
        return new Item<>(
                later.principal(),
                new Agent.Heartbeat(
                        one.agentId(),
                        other.status(),
                        other.ipAddress().isEmpty() ? one.ipAddress() : other.ipAddress(),
                        other.hostName().isEmpty() ? one.hostName() : other.hostName()));
    }

    private static boolean isNews(Agent agent, Agent.Heartbeat heartbeat) {
        return agent.deactivatedAt() == null
                && (agent.said() != heartbeat.status()
                        || agent.lastHeartbeatAt() == null
                        || !isKnown(agent.ipAddress(), heartbeat.ipAddress(), InetAddress::ofLiteral)
                        || !isKnown(agent.hostName(), heartbeat.hostName(), Function.identity()));
    }

    /** @param meaning what makes two ways to write the same thing equal */
    private static boolean isKnown(String known, String said, Function<String, ?> meaning) {
        return said.isEmpty() || (!known.isEmpty() && meaning.apply(known).equals(meaning.apply(said)));
    }

    private static Map<UUID, Agent> byId(Collection<Agent> found) {
        return found.stream().collect(Collectors.toMap(Agent::id, agent -> agent, (one, _) -> one, HashMap::new));
    }

    private static Change change(Agent agent) {
        return change(agent.id(), agent.version(), agent.said());
    }

    /** A change of an agent. Whether it is BUSY with the work of its workers follows from the changes of orders. */
    static Change change(UUID id, long version, AgentStatus said) {
        return Change.updated("agent", id, version).with("agent_id", id).with("status", said);
    }
}
