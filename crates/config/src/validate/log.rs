//! What is written of the calls, taken together.

use super::{Validator, field};
use crate::{Log, tree::Node};

impl Validator<'_> {
    pub(super) fn log(&mut self, log: &Log, node: Option<&Node>) {
        let Some(files) = &log.training_files else { return };
        let at = field(node, "training_files");
        self.globs(&files.models, field(at, "models"), "log.training_files.models");
        if !log.journal {
            let message = "`log.training_files` is made of the journal, which `log.journal` turns off";
            let hint = "set `log.journal` to true, or leave `log.training_files` out".to_owned();
            self.report(at, "log.training_files", message, Some(hint));
        }
    }
}
