//! Stores: where records and result bodies are kept.
