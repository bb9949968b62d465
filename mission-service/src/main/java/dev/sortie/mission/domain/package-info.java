/** What the service means: resources, their rules and their moves. Knows neither transport nor database client. */
@NullMarked
package dev.sortie.mission.domain;

import org.jspecify.annotations.NullMarked;
