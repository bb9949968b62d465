package dev.sortie.demo;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/** Tells the language of a file by its name. */
final class Languages {

    private static final Map<String, String> BY_ENDING = byEnding();

    private static final Map<String, String> BY_NAME = Map.ofEntries(
            Map.entry("makefile", "Make"),
            Map.entry("gnumakefile", "Make"),
            Map.entry("dockerfile", "Dockerfile"),
            Map.entry("cmakelists.txt", "CMake"),
            Map.entry("jenkinsfile", "Groovy"),
            Map.entry("rakefile", "Ruby"),
            Map.entry("gemfile", "Ruby"));

    private Languages() {}

    /** The language of a text file, or {@code Other}. */
    static String of(String path) {
        var name = path.substring(path.lastIndexOf('/') + 1).toLowerCase(Locale.ROOT);
        var byName = BY_NAME.get(name);
        if (byName != null) {
            return byName;
        }
        int dot = name.lastIndexOf('.');
        return dot < 0 ? "Other" : BY_ENDING.getOrDefault(name.substring(dot + 1), "Other");
    }

    private static Map<String, String> byEnding() {
        var endings = new HashMap<String, String>();
        put(endings, "Java", "java");
        put(endings, "Kotlin", "kt", "kts");
        put(endings, "Scala", "scala", "sc");
        put(endings, "Groovy", "groovy", "gradle");
        put(endings, "Clojure", "clj", "cljs", "cljc", "edn");
        put(endings, "C", "c", "h");
        put(endings, "C++", "cc", "cpp", "cxx", "hh", "hpp", "hxx");
        put(endings, "C#", "cs");
        put(endings, "F#", "fs", "fsx");
        put(endings, "Go", "go");
        put(endings, "Rust", "rs");
        put(endings, "Zig", "zig");
        put(endings, "Swift", "swift");
        put(endings, "Objective-C", "m", "mm");
        put(endings, "Python", "py", "pyi");
        put(endings, "Ruby", "rb");
        put(endings, "Perl", "pl", "pm");
        put(endings, "PHP", "php");
        put(endings, "Lua", "lua");
        put(endings, "R", "r");
        put(endings, "Julia", "jl");
        put(endings, "Haskell", "hs");
        put(endings, "OCaml", "ml", "mli");
        put(endings, "Erlang", "erl", "hrl");
        put(endings, "Elixir", "ex", "exs");
        put(endings, "JavaScript", "js", "mjs", "cjs", "jsx");
        put(endings, "TypeScript", "ts", "mts", "cts", "tsx");
        put(endings, "Vue", "vue");
        put(endings, "Svelte", "svelte");
        put(endings, "HTML", "html", "htm");
        put(endings, "CSS", "css", "scss", "sass", "less");
        put(endings, "Shell", "sh", "bash", "zsh");
        put(endings, "PowerShell", "ps1");
        put(endings, "SQL", "sql");
        put(endings, "Protocol Buffers", "proto");
        put(endings, "GraphQL", "graphql", "gql");
        put(endings, "XML", "xml", "xsd", "xsl", "svg");
        put(endings, "JSON", "json", "jsonl", "ndjson");
        put(endings, "YAML", "yaml", "yml");
        put(endings, "TOML", "toml");
        put(endings, "INI", "ini", "cfg", "properties");
        put(endings, "Markdown", "md", "markdown");
        put(endings, "reStructuredText", "rst");
        put(endings, "Text", "txt");
        put(endings, "CMake", "cmake");
        put(endings, "Terraform", "tf");
        put(endings, "Nix", "nix");
        return Map.copyOf(endings);
    }

    private static void put(Map<String, String> endings, String language, String... names) {
        for (var name : names) {
            endings.put(name, language);
        }
    }
}
