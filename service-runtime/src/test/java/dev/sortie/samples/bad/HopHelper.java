package dev.sortie.samples.bad;

/** A name that says nothing, in a package that is not null-marked, reading the environment. */
record HopHelper(String setting) {
    static HopHelper read() {
        return new HopHelper(System.getenv("SORTIE_SAMPLE"));
    }

    static void dawdle() throws InterruptedException {
        Thread.sleep(1);
    }
}
