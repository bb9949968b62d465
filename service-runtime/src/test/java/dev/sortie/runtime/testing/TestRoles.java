package dev.sortie.runtime.testing;

/**
 * The two roles of every test database in this JVM.
 *
 * @param owner owns the database and its tables; runs the migrations
 * @param runtime reads and writes rows, and changes no table
 * @param password the password of both
 */
record TestRoles(String owner, String runtime, String password) {}
