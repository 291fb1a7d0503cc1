//! What the templates of `infra` say, with everything that they refer to put in.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::command::succeed;
use crate::standins::{REGION, tool};
use crate::workspace::root;

/// The account that stand-ins play.
const ACCOUNT: &str = "000000000000";

/// The stack of `core.yaml`, and that of `gpu.yaml` on top of it.
#[derive(Debug)]
pub struct Templates {
    core: Value,
    gpu: Value,
    /// What is deployed under other names than the templates give, by its name in them.
    deployed: BTreeMap<String, String>,
}

impl Templates {
    /// Reads both. `deployed` has what resources are or have, such as `Blobs.Arn`, by the names of
    /// the templates; it is what the policies of roles come to name.
    #[must_use]
    pub fn read(deployed: &[(&str, String)]) -> Self {
        let named = |(name, value): &(&str, String)| ((*name).to_owned(), value.clone());
        let deployed = deployed.iter().map(named).collect();
        Self { core: read("core.yaml"), gpu: read("gpu.yaml"), deployed }
    }

    /// The policy of a role of either template.
    #[must_use]
    pub fn policy(&self, role: &str) -> Value {
        let roles = [&self.core, &self.gpu].map(|template| &template["Resources"][role]);
        let found = roles.into_iter().find(|role| !role.is_null());
        let role = &found.unwrap_or_else(|| panic!("no template has a role {role}"))["Properties"];
        let policies = role["Policies"].as_array().unwrap().iter();
        let statements = policies.flat_map(|policy| {
            policy["PolicyDocument"]["Statement"].as_array().unwrap().iter().cloned()
        });
        let statements: Vec<_> = statements.map(|statement| self.resolved(statement)).collect();
        json!({ "Version": "2012-10-17", "Statement": statements })
    }

    /// A statement with the names of its resources.
    fn resolved(&self, mut statement: Value) -> Value {
        let resources = match statement["Resource"].take() {
            Value::Array(several) => several,
            one => vec![one],
        };
        statement["Resource"] = resources.iter().map(|value| self.text(value)).collect();
        statement
    }

    /// What an expression of a template stands for.
    fn text(&self, value: &Value) -> String {
        let Value::Object(call) = value else { return value.as_str().unwrap().to_owned() };
        let (function, of) = call.iter().next().unwrap();
        match (function.as_str(), of) {
            ("Ref", Value::String(name)) => self.named(name),
            ("Fn::GetAtt", Value::Array(path)) => {
                let path: Vec<_> = path.iter().map(|part| part.as_str().unwrap()).collect();
                self.named(&path.join("."))
            }
            ("Fn::Sub", Value::String(text)) => self.substituted(text, &Map::new()),
            ("Fn::Sub", Value::Array(parts)) => {
                self.substituted(parts[0].as_str().unwrap(), parts[1].as_object().unwrap())
            }
            ("Fn::ImportValue", name) => self.imported(&self.text(name)),
            _ => panic!("an expression that is not known here: {value}"),
        }
    }

    /// The text with values in the place of every `${NAME}`.
    fn substituted(&self, text: &str, own: &Map<String, Value>) -> String {
        let Some((before, rest)) = text.split_once("${") else { return text.to_owned() };
        let (name, after) = rest.split_once('}').unwrap();
        let value = own.get(name).map_or_else(|| self.named(name), |value| self.text(value));
        format!("{before}{value}{}", self.substituted(after, own))
    }

    /// What the stack of `core.yaml` exports under this name.
    fn imported(&self, name: &str) -> String {
        let mut outputs = self.core["Outputs"].as_object().unwrap().values();
        let export = |output: &&Value| self.text(&output["Export"]["Name"]) == name;
        let output = outputs.find(export);
        self.text(&output.unwrap_or_else(|| panic!("core.yaml exports no {name}"))["Value"])
    }

    /// What a name stands for. Of what is not deployed here, only the name is known.
    fn named(&self, name: &str) -> String {
        match name {
            "AWS::Partition" => "aws".to_owned(),
            "AWS::Region" => REGION.to_owned(),
            "AWS::AccountId" => ACCOUNT.to_owned(),
            "AWS::StackName" | "CoreStack" => "zkpool-core".to_owned(),
            _ => self
                .deployed
                .get(name)
                .cloned()
                .unwrap_or_else(|| format!("arn:aws:elsewhere:{REGION}:{ACCOUNT}:{name}")),
        }
    }
}

/// A template as JSON, as the linter reads it.
fn read(name: &str) -> Value {
    let infra = root().join("infra");
    let mut reader = Command::new(tool("lint/bin/python"));
    let text = succeed(reader.arg(infra.join("template.py")).arg(infra.join(name)));
    serde_json::from_str(&text).unwrap()
}
