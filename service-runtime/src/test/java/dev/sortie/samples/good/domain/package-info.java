/** Keeps every rule; read by the tests of HouseRules. */
@NullMarked
package dev.sortie.samples.good.domain;

import org.jspecify.annotations.NullMarked;
