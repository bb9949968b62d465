/** Workers, queues, work orders, claims, executions and logs, and what may happen to them. */
@NullMarked
package dev.sortie.agent.domain;

import org.jspecify.annotations.NullMarked;
