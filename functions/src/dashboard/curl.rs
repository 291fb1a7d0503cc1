//! The example of an operation as a command of the shell.

use serde_json::Value;

/// What stands for the address of the service and for a key.
const SERVER: &str = "$ZKPOOL_SERVER";
const KEY: &str = "$ZKPOOL_API_KEY";

/// The call of curl that sends the example of this operation.
pub(super) fn command(path: &str, method: &str, operation: &Value) -> String {
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut lines = vec![format!("curl \"{SERVER}{}\"", address(path, parameters))];
    if !matches!(method, "get" | "post") {
        lines.push(format!("--request {}", method.to_uppercase()));
    }
    if operation["security"].is_array() {
        lines.push(format!("--header \"Authorization: Bearer {KEY}\""));
    }
    let headers = examples(parameters, "header");
    lines.extend(headers.map(|(name, value)| format!("--header \"{name}: {value}\"")));
    match &operation["requestBody"]["content"] {
        Value::Object(contents) if contents.contains_key("application/octet-stream") => {
            lines.push("--data-binary @witness.wtns".to_owned());
        }
        contents if contents["application/json"]["example"].is_object() => {
            lines.push(format!("--json '{:#}'", contents["application/json"]["example"]));
        }
        _ if method == "post" => lines.push("--request POST".to_owned()),
        _ => {}
    }
    lines.join(" \\\n  ")
}

/// The path with the parameters of the example.
fn address(path: &str, parameters: &[Value]) -> String {
    let mut address = path.to_owned();
    for (name, value) in examples(parameters, "path") {
        address = address.replace(&format!("{{{name}}}"), value);
    }
    let query: Vec<_> = examples(parameters, "query").collect();
    match serde_urlencoded::to_string(&query) {
        Ok(query) if !query.is_empty() => format!("{address}?{query}"),
        _ => address,
    }
}

/// Name and example of each parameter in this place that has one.
fn examples<'a>(
    parameters: &'a [Value],
    place: &'a str,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    parameters
        .iter()
        .filter(move |parameter| parameter["in"] == place)
        .filter_map(|parameter| Some((parameter["name"].as_str()?, parameter["example"].as_str()?)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_example_is_a_command_with_path_query_key_and_body() {
        let operation = json!({
            "security": [{ "key": ["admin"] }],
            "parameters": [
                { "in": "path", "name": "id", "example": "a" },
                { "in": "query", "name": "wait", "example": "5" },
                { "in": "query", "name": "limit" },
            ],
            "requestBody": { "content": { "application/json": { "example": { "public": true } } } },
        });
        let expected = "curl \"$ZKPOOL_SERVER/v1/a?wait=5\" \\\n  --request PUT \\\n  \
            --header \"Authorization: Bearer $ZKPOOL_API_KEY\" \\\n  \
            --json '{\n  \"public\": true\n}'";
        assert_eq!(command("/v1/{id}", "put", &operation), expected);
    }
}
