package dev.sortie.mission.domain;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Something that a worker can do for a step.
 *
 * @param inputSchema JSON Schema 2020-12 of the parameters, as text; null means that any will do
 * @param outputSchema the same of the result
 * @param queueName the queue of agent-service on which its workers listen
 * @param timeout how long one attempt may take
 * @param resourceIds what the owner of a mission must have credentials for, in the order given
 */
public record Tool(
        String toolId,
        String name,
        String description,
        @Nullable String inputSchema,
        @Nullable String outputSchema,
        String queueName,
        Duration timeout,
        RetryPolicy retryPolicy,
        List<String> resourceIds,
        Instant createTime,
        Instant updateTime,
        long version) {}
