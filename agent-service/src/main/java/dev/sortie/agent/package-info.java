/** Who does it: workers, queues, work orders, executions and their logs. */
@NullMarked
package dev.sortie.agent;

import org.jspecify.annotations.NullMarked;
