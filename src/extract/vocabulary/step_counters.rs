/// Words that count the steps of a recipe, each with the blank behind it.
pub(crate) const STEP_COUNTERS: &[&str] =
    &["paso ", "passo ", "schritt ", "stap ", "steg ", "step ", "étape ", "шаг "];
