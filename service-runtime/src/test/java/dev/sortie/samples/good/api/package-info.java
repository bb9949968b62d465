/** Keeps every rule; read by the tests of HouseRules. */
@NullMarked
package dev.sortie.samples.good.api;

import org.jspecify.annotations.NullMarked;
