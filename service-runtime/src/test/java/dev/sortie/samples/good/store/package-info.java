/** Keeps every rule; read by the tests of HouseRules. */
@NullMarked
package dev.sortie.samples.good.store;

import org.jspecify.annotations.NullMarked;
