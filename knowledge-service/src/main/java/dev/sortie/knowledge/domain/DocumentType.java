package dev.sortie.knowledge.domain;

/** What kind of document it is. The names are those in the database and, prefixed, in the contract. */
public enum DocumentType {
    DESIGN,
    PLAN,
    SPECIFICATION,
    GUIDE,
    REFERENCE
}
