// Reads /openapi.json and shows it: contents, search, one operation at a time, and a form that sends it.
"use strict";

const byId = (id) => document.getElementById(id);
const state = { document: null, operations: [], token: sessionStorage.getItem("token") || "" };

// Makes an element. Text only ever becomes text nodes, so nothing from the document is taken for markup.
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

// Paragraphs, list lines and `code` of a description.
function prose(text) {
  return (text || "").split(/\n\n+/).map((paragraph) => {
    const lines = paragraph.replace(/\n  /g, " ").split("\n");
    if (lines.every((line) => line.startsWith("- "))) {
      return make("ul", {}, lines.map((line) => make("li", {}, inline(line.slice(2)))));
    }
    return make("p", {}, inline(paragraph));
  });
}

function inline(text) {
  return text.split(/(`[^`]+`)/).map((part) => (part.startsWith("`") && part.length > 2 ? make("code", {}, part.slice(1, -1)) : part));
}

function resolve(thing) {
  if (!thing || !thing.$ref) return thing || {};
  const found = thing.$ref.slice(2).split("/").reduce((node, key) => node[key], state.document);
  return thing.description ? { ...found, description: thing.description } : found;
}

function collect() {
  for (const [path, item] of Object.entries(state.document.paths)) {
    for (const [verb, operation] of Object.entries(item)) {
      const words = [path, verb, operation.operationId, operation.summary, operation["x-permission"], operation.tags[0]].join(" ").toLowerCase();
      state.operations.push({ path, verb, operation, words });
    }
  }
  const order = ["get", "post", "patch", "put", "delete"];
  state.operations.sort((a, b) => a.operation.tags[0].localeCompare(b.operation.tags[0]) || a.path.localeCompare(b.path) || order.indexOf(a.verb) - order.indexOf(b.verb));
}

function showContents() {
  const wanted = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = state.operations.filter((entry) => wanted.every((word) => entry.words.includes(word)));
  const parts = [];
  let tag = "";
  for (const entry of found) {
    if (entry.operation.tags[0] !== tag) {
      tag = entry.operation.tags[0];
      parts.push(make("h2", {}, tag));
    }
    const current = location.hash === `#${entry.operation.operationId}`;
    parts.push(
      make("a", { href: `#${entry.operation.operationId}`, title: `${entry.verb.toUpperCase()} ${entry.path}`, "aria-current": current && "page" },
        make("span", { class: `verb ${entry.verb}` }, entry.verb.toUpperCase()), make("span", {}, entry.operation.summary)),
    );
  }
  byId("contents").replaceChildren(...(parts.length ? parts : [make("p", { class: "soft" }, "Nothing has these words.")]));
}

// A short name of a schema's type.
function typeName(schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(typeName).join(" | ");
  if (schema.allOf) return typeName(schema.allOf[0]);
  if (schema.type === "array") return `${typeName(schema.items || {})}[]`;
  if (schema.type === "object" && schema.additionalProperties && schema.additionalProperties !== true) return `{key: ${typeName(schema.additionalProperties)}}`;
  return [].concat(schema.type || "any").join(" | ") + (schema.format ? ` (${schema.format})` : "");
}

function limits(schema) {
  const words = { minLength: "at least %s characters", maxLength: "at most %s characters", minimum: "≥ %s", maximum: "≤ %s", exclusiveMinimum: "> %s", exclusiveMaximum: "< %s", minItems: "at least %s", maxItems: "at most %s", pattern: "matches %s" };
  return Object.entries(words).filter(([name]) => schema[name] !== undefined && Math.abs(schema[name]) !== 2147483648 && schema[name] !== 2147483647).map(([name, text]) => text.replace("%s", () => schema[name])).join(", ");
}

function inner(schema) {
  if (schema.$ref || schema.properties) return resolve(schema);
  for (const part of [...(schema.anyOf || []), ...(schema.allOf || []), schema.items, typeof schema.additionalProperties === "object" ? schema.additionalProperties : null]) {
    const found = part && inner(part);
    if (found && found.properties) return found;
  }
  return null;
}

// A row for each property; nested types unfold when they are opened, so types that hold themselves end.
function fields(schema, required, writing) {
  const shown = Object.entries(schema.properties || {}).filter(([, property]) => !(writing && property.readOnly));
  return make("table", {}, shown.map(([name, property]) => {
    const nested = inner(property);
    const marks = [required.includes(name) && "required", property.readOnly && "read only", property["x-immutable"] && "only at create", property["x-personal-data"] && `personal: ${property["x-personal-data"].toLowerCase()}`];
    const type = nested && nested.properties ? unfolding(typeName(property), nested, writing) : make("span", { class: "soft" }, typeName(property));
    return make("tr", {}, make("td", {}, make("code", {}, name), " ", marks.filter(Boolean).map((mark) => [make("span", { class: "mark" }, mark), " "]).flat()),
      make("td", {}, type, prose(property.description), values(property), make("span", { class: "soft" }, limits(property))));
  }));
}

function unfolding(name, schema, writing) {
  const box = make("details", { class: "type" }, make("summary", {}, name));
  box.addEventListener("toggle", () => { if (box.open && box.children.length === 1) box.append(fields(schema, schema.required || [], writing)); });
  return box;
}

function values(property) {
  const holder = property.enum ? property : (property.items && property.items.enum ? property.items : (property.anyOf || []).find((part) => part.enum));
  if (!holder) return null;
  const texts = holder["x-enum-descriptions"] || {};
  return make("ul", {}, holder.enum.map((value) => make("li", {}, make("code", {}, value), texts[value] ? ` ${texts[value]}` : "")));
}

// Fields that most resources have and few callers set; the form starts without them.
const STANDARD = new Set(["id", "etag", "owner_id", "unit_id", "partner_party_id", "party_id", "identity_id", "custom", "external_ref"]);

// An example value of a schema, as a start for the form: what is required, then the first of the rest.
function example(schema, depth = 0) {
  const found = schema.allOf ? resolve(schema.allOf[0]) : resolve(schema);
  if (found.anyOf) return example(found.anyOf[0], depth);
  if (found.enum) return found.enum[found.enum.length > 1 ? 1 : 0];
  const type = [].concat(found.type || "object")[0];
  if (type === "array") return [];
  if (type === "object") {
    if (depth > 1) return {};
    const required = (schema.allOf ? schema.allOf[1].required : found.required) || [];
    const names = Object.keys(found.properties || {}).filter((name) => !found.properties[name].readOnly && (required.includes(name) || !STANDARD.has(name)));
    names.sort((a, b) => required.includes(b) - required.includes(a));
    return Object.fromEntries(names.slice(0, Math.max(required.length, depth ? 4 : 6)).map((name) => [name, example(found.properties[name], depth + 1)]));
  }
  if (found.format === "date-time") return new Date().toISOString().replace(/\.\d+/, "");
  return { integer: found.minimum > 0 ? found.minimum : 0, number: 0, boolean: false }[type] ?? "";
}

function bodySchema(operation) {
  const content = operation.requestBody && operation.requestBody.content;
  return content && content["application/json"] && content["application/json"].schema;
}

function showOperation(entry) {
  const { operation, path, verb } = entry;
  const parameters = operation.parameters.map(resolve);
  const parts = [make("h1", {}, operation.summary), make("p", { class: "path" }, make("span", { class: `verb ${verb}` }, verb.toUpperCase()), " ", path), prose(operation.description),
    make("p", { class: "soft" }, `Rate class ${operation["x-rate-class"] || "BULK"} · ${operation.operationId}`)];
  if (parameters.length) {
    parts.push(make("h3", {}, "Parameters"), make("table", {}, parameters.map((parameter) => make("tr", {},
      make("td", {}, make("code", {}, parameter.name), " ", make("span", { class: "mark" }, parameter.in), parameter.required ? make("span", { class: "mark" }, "required") : ""),
      make("td", {}, make("span", { class: "soft" }, typeName(parameter.schema)), prose(parameter.description), values(parameter.schema), make("span", { class: "soft" }, limits(parameter.schema)))))));
  }
  const schema = bodySchema(operation);
  if (schema) {
    const required = (schema.allOf ? schema.allOf[1].required : schema.required) || [];
    parts.push(make("h3", {}, "Body"), fields(inner(schema) || {}, required, true));
  }
  parts.push(make("h3", {}, "Try it"), tryForm(entry, parameters, schema), make("h3", {}, "Answers"));
  for (const [status, reference] of Object.entries(operation.responses)) {
    const response = resolve(reference);
    const content = Object.values(response.content || {})[0];
    const nested = content && inner(content.schema);
    parts.push(make("p", {}, make("code", {}, status), " ", inline(response.description)));
    if (nested && nested.properties && status[0] === "2") parts.push(fields(nested, [], false));
  }
  byId("content").replaceChildren(...parts.flat());
  document.title = `${operation.summary} · Tercet API`;
}

function tryForm(entry, parameters, schema) {
  const inputs = parameters.map((parameter) => make("label", {}, `${parameter.name}${parameter.required ? " *" : ""}`, make("input", { name: parameter.name, "data-in": parameter.in, required: parameter.required })));
  const body = schema ? make("textarea", { name: "body", "aria-label": "Body", spellcheck: "false" }) : null;
  if (body) body.value = JSON.stringify(example(schema), null, 2);
  const answer = make("div", { class: "answer", role: "status" });
  const form = make("form", { class: "try" }, make("div", { class: "inputs" }, inputs), body, make("p", {}, make("button", { class: "main" }, "Send"), " ", make("span", { class: "soft" }, "Ctrl+Enter")), answer);
  form.addEventListener("submit", (event) => { event.preventDefault(); send(entry, form, answer); });
  form.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(); });
  return form;
}

async function send(entry, form, answer) {
  let path = entry.path;
  const query = new URLSearchParams();
  const headers = state.token ? { Authorization: `Bearer ${state.token}` } : {};
  for (const input of form.querySelectorAll("input[name]")) {
    if (input.dataset.in === "path") path = path.replace(`{${input.name}}`, encodeURIComponent(input.value));
    else if (input.value && input.dataset.in === "query") query.append(input.name, input.value);
    else if (input.value) headers[input.name] = input.value;
  }
  const body = form.querySelector("textarea");
  if (body) headers["Content-Type"] = "application/json";
  const address = query.size ? `${path}?${query}` : path;
  answer.replaceChildren("Sending…");
  const begun = performance.now();
  try {
    const response = await fetch(address, { method: entry.verb.toUpperCase(), headers, body: body ? body.value : undefined });
    const text = await response.text();
    answer.replaceChildren(make("p", {}, make("strong", {}, `${response.status}`), ` in ${Math.round(performance.now() - begun)} ms · trace ${response.headers.get("Tercet-Trace-Id") || "–"}`), make("pre", {}, pretty(text)));
  } catch (error) {
    answer.replaceChildren(make("p", {}, `No answer: ${error.message}`));
  }
}

function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text || "(no body)"; }
}

function showFront() {
  const info = state.document.info;
  const tags = state.document.tags.map((tag) => make("tr", {}, make("td", {}, tag.name), make("td", {}, prose(tag.description))));
  byId("content").replaceChildren(make("h1", {}, info.title), ...prose(info.description), make("p", {}, make("a", { href: "/openapi.json" }, "openapi.json"), ` · ${state.operations.length} operations`), make("table", {}, tags));
  document.title = info.title;
}

function route() {
  const entry = state.operations.find(({ operation }) => `#${operation.operationId}` === location.hash);
  if (entry) showOperation(entry); else showFront();
  showContents();
  window.scrollTo(0, 0);
  const current = document.querySelector("nav [aria-current]");
  if (current) current.scrollIntoView({ block: "nearest" });
}

// The token lives as long as the tab.
function remember(token, text) {
  state.token = token;
  if (token) sessionStorage.setItem("token", token); else sessionStorage.removeItem("token");
  byId("signed").textContent = text;
  document.querySelector("#credentials summary").textContent = token ? "Signed in" : "Sign in";
}

async function signIn(event) {
  event.preventDefault();
  const values = Object.fromEntries(new FormData(event.target));
  const response = await fetch("/v1/sessions", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(values) });
  const answer = await response.json();
  if (response.ok) remember(answer.access_token, "Signed in."); else byId("signed").textContent = answer.detail;
}

async function begin() {
  byId("search").addEventListener("input", showContents);
  byId("sign-in").addEventListener("submit", signIn);
  byId("token-form").addEventListener("submit", (event) => { event.preventDefault(); remember(event.target.token.value.trim(), "Kept until this tab is closed."); });
  byId("forget").addEventListener("click", () => remember("", "Forgotten."));
  window.addEventListener("hashchange", route);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) { event.preventDefault(); byId("search").focus(); }
  });
  if (state.token) remember(state.token, "");
  const response = await fetch("/openapi.json");
  state.document = await response.json();
  collect();
  route();
}

begin().catch((error) => byId("content").replaceChildren(make("p", {}, `The description could not be read: ${error.message}`)));
