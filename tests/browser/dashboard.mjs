// Drives a browser through the dashboard of a running service, as a finance team would use it.
//
// The service, a key of every scope that the API needs, a key of finance alone and the folder for
// screenshots come in the environment. Whatever the browser complains about, and every request that
// leaves the service, fails the run.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const { ZKPOOL_SERVER: server, ZKPOOL_API_KEY: apiKey, FINANCE_KEY: financeKey, SCREENSHOTS: folder } =
  process.env;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 390, height: 844 };

/** What the API answers, beside the browser. */
async function api(path) {
  const answer = await fetch(server + path, { headers: { authorization: `Bearer ${apiKey}` } });
  assert.equal(answer.status, 200, `${path}: ${answer.status}`);
  return answer;
}

/** Nano-dollars as pages write them. */
function dollars(nano) {
  const [sign, digits] = nano < 0n ? ["\u2212", -nano] : ["", nano];
  const text = digits.toString().padStart(10, "0");
  const whole = text.slice(0, -9).replace(/\B(?=(\d{3})+$)/g, ",");
  return `${sign}$${whole}.${text.slice(-9)}`;
}

const sum = (amounts) => amounts.reduce((total, amount) => total + BigInt(amount), 0n);

/** Every receipt of the project, from the jobs that the API lists. */
async function endedJobs() {
  const { items, next } = await (await api("/v1/proofs?limit=200")).json();
  assert.equal(next, null, "the test has few jobs");
  return items.filter((job) => job.receipt);
}

class Visit {
  constructor(page) {
    this.page = page;
    this.complaints = [];
    this.shots = 0;
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.complaints.push(message.text());
    });
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("requestfailed", (request) => {
      // A download takes the place of a page that would have been shown.
      if (!request.failure().errorText.includes("ERR_ABORTED")) this.complaints.push(request.url());
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(`${server}/`)) this.complaints.push(`left for ${request.url()}`);
      if (request.url().includes("zkp_")) this.complaints.push("a key is in an address");
    });
  }

  async open(path) {
    const answer = await this.page.goto(server + path);
    assert.ok(answer.ok(), `${path}: ${answer.status()}`);
  }

  async text(selector) {
    return (await this.page.locator(selector).first().innerText()).replace(/\s+/g, " ").trim();
  }

  /** The rows of a table as the texts of their cells. */
  async rows(table) {
    const rows = this.page.locator(`${table} tbody tr`);
    return rows.evaluateAll((found) =>
      found.map((row) => [...row.cells].map((cell) => cell.textContent.replace(/\s+/g, " ").trim())),
    );
  }

  /** Follows a link or sends a form, until the next page is there. */
  async follow(target) {
    await Promise.all([this.page.waitForEvent("load"), target.click()]);
  }

  /** The file that a link downloads. */
  async download(link) {
    const [download] = await Promise.all([this.page.waitForEvent("download"), link.click()]);
    return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
  }

  /** Pictures of a page, light, dark and narrow, each of which everyone can use. */
  async look(name) {
    const number = String(++this.shots).padStart(2, "0");
    for (const [kind, colorScheme, size] of [
      ["light", "light", WIDE],
      ["dark", "dark", WIDE],
      ["narrow", "light", NARROW],
      ["narrow-dark", "dark", NARROW],
    ]) {
      await this.page.emulateMedia({ colorScheme });
      await this.page.setViewportSize(size);
      await this.page.screenshot({ path: `${folder}/${number}-${name}-${kind}.png`, fullPage: true });
      await this.accessible(`${name} ${kind}`);
      const wider = await this.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wider <= 0, `${name} ${kind} is ${wider} px too wide`);
    }
    await this.page.emulateMedia({ colorScheme: "light" });
    await this.page.setViewportSize(WIDE);
  }

  async accessible(name) {
    await this.page.evaluate(axe);
    const { violations } = await this.page.evaluate(() => globalThis.axe.run(document));
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join("\n")}`);
    assert.deepEqual(found, [], `${name} is not accessible`);
  }

  quiet(where) {
    assert.deepEqual(this.complaints, [], where);
  }
}

async function refuses_a_wrong_key(visit) {
  await visit.open("/");
  assert.equal(await visit.text("h1"), "Sign in");
  await visit.look("sign-in");
  visit.quiet("the page that asks for a key");
  await visit.page.getByLabel("API key").fill(`zkp_${"0".repeat(64)}`);
  await visit.follow(visit.page.getByRole("button", { name: "Sign in" }));
  await visit.page.getByRole("alert").waitFor();
  // Browsers note the status of a refusal. Nothing else may be wrong.
  assert.deepEqual(visit.complaints.splice(0).filter((text) => !text.includes("401")), []);
  await visit.accessible("a refusal");
}

async function signs_in(visit) {
  await visit.page.getByLabel("API key").fill(financeKey);
  await visit.follow(visit.page.getByRole("button", { name: "Sign in" }));
  await visit.page.waitForURL(`${server}/dashboard`);
  const [cookie, ...others] = await visit.page.context().cookies(`${server}/dashboard`);
  assert.deepEqual(others, []);
  assert.ok(cookie.httpOnly && cookie.sameSite === "Strict" && cookie.path === "/dashboard", cookie);
  assert.ok(!cookie.value.includes(financeKey.slice(4)), "the key is in the cookie");
  assert.deepEqual(await visit.page.context().cookies(`${server}/v1/costs`), []);
}

async function shows_the_figures_of_the_api(visit) {
  const jobs = await endedJobs();
  const charged = dollars(sum(jobs.map((job) => job.receipt.charge_nano_usd)));
  assert.equal(await visit.text("#charged"), charged);
  const proofs = jobs.filter((job) => job.state === "succeeded");
  assert.equal(await visit.text("#proofs"), String(proofs.length));
  assert.ok((await visit.page.locator("svg.chart:visible").count()) >= 3, "charts are missing");
  await visit.look("overview");
  await visit.page.locator("details").first().locator("summary").click();
  await visit.accessible("the tables of the overview");
}

async function groups_by_what_is_asked_for(visit) {
  await visit.follow(visit.page.getByRole("link", { name: "Costs" }));
  const jobs = await endedJobs();
  for (const [choice, value] of [
    ["Circuit", (job) => job.circuit],
    ["Tag team", (job) => job.tags.team ?? "without the tag team"],
    ["Day", (job) => job.finished_at.slice(0, 10)],
  ]) {
    await visit.page.getByLabel("Group by").selectOption({ label: choice });
    await visit.follow(visit.page.getByRole("button", { name: "Show" }));
    const expected = new Map();
    for (const job of jobs) {
      expected.set(value(job), (expected.get(value(job)) ?? 0n) + BigInt(job.receipt.charge_nano_usd));
    }
    const found = (await visit.rows("#groups")).map((cells) => [cells[0], cells[2]]);
    const exact = [...expected].map(([name, nano]) => [name, dollars(nano)]);
    assert.deepEqual(found.sort(), exact.sort(), choice);
  }
  await visit.page.getByLabel("Group by").selectOption({ label: "Tag team" });
  await visit.follow(visit.page.getByRole("button", { name: "Show" }));
  await visit.look("costs-by-team");
}

async function downloads_what_the_api_answers(visit) {
  const { page } = visit;
  await visit.open("/dashboard/costs?group_by=tag:team");
  const shown = new URL(await page.getByRole("link", { name: "CSV", exact: true }).first().evaluate((a) => a.href));
  const period = `from=${shown.searchParams.get("from")}&to=${shown.searchParams.get("to")}`;
  for (const [name, query] of [
    ["CSV", "group_by=tag:team&format=csv"],
    ["JSON", "group_by=tag:team&format=json"],
    ["Parquet", "group_by=tag:team&format=parquet"],
    ["CSV of every charge", "format=csv"],
    ["Parquet of every charge", "format=parquet"],
  ]) {
    const file = await visit.download(page.getByRole("link", { name, exact: true }));
    const answer = Buffer.from(await (await api(`/v1/costs?${period}&${query}`)).arrayBuffer());
    assert.ok(file.bytes.length > 100 && file.bytes.equals(answer), `${name} differs from the API's`);
    assert.match(file.name, /^zkpool-costs-.*[.](csv|json|parquet)$/);
  }
  const report = await (await api(`/v1/costs?${period}&group_by=tag:team`)).json();
  const rows = (await visit.rows("#groups")).map((cells) => cells[2]);
  const charges = report.rows.map((row) => dollars(BigInt(row.charge_nano_usd)));
  assert.deepEqual(rows.sort(), charges.sort());
  assert.equal(await visit.text("#groups tfoot .charge"), dollars(BigInt(report.total_nano_usd)));
}

async function shows_budgets(visit) {
  await visit.follow(visit.page.getByRole("link", { name: "Budgets" }));
  const { budgets } = await (await api("/v1/budgets")).json();
  assert.equal(budgets.length, 2);
  const exact = budgets.map((budget) => [
    dollars(BigInt(budget.limit_nano_usd)),
    dollars(BigInt(budget.committed_nano_usd) - BigInt(budget.reserved_nano_usd)),
    dollars(BigInt(budget.reserved_nano_usd)),
    dollars(BigInt(budget.remaining_nano_usd)),
  ]);
  assert.deepEqual((await visit.rows("#budgets")).map((cells) => cells.slice(1, 5)), exact);
  await visit.look("budgets");
}

/** Someone without a session, whose pictures are counted with the others. */
async function as_a_stranger(visit, use) {
  const context = await visit.page.context().browser().newContext({ viewport: WIDE });
  const stranger = new Visit(await context.newPage());
  stranger.shots = visit.shots;
  await use(stranger);
  stranger.quiet("what anyone may see");
  visit.shots = stranger.shots;
  await context.close();
}

async function shows_performance_to_anyone(visit) {
  await as_a_stranger(visit, shows_performance);
}

async function shows_performance(stranger) {
  await stranger.open("/performance");
  const { circuits } = await (await fetch(`${server}/v1/performance`)).json();
  const published = await stranger.page.locator("section.panel h2").allInnerTexts();
  assert.deepEqual(published, circuits.map((circuit) => circuit.circuit));
  assert.ok(!(await stranger.page.content()).includes("acme"), "it names a project");
  await stranger.look("performance");
}

async function describes_the_api_to_anyone(visit) {
  await as_a_stranger(visit, describes_the_api);
}

async function describes_the_api(stranger) {
  await stranger.open("/docs");
  const { paths } = await (await fetch(`${server}/openapi.json`)).json();
  const { summary } = paths["/v1/proofs"].post;
  assert.ok((await stranger.text("article:has(#submitProof)")).includes(summary), "no summary");
  await stranger.page.locator("article:has(#submitProof) summary").click();
  await stranger.look("api");
  await stranger.follow(stranger.page.getByRole("link", { name: "Every problem" }));
  await stranger.look("problems");
}

async function says_so_where_nothing_happened(visit) {
  await visit.open("/dashboard?from=2020-01-01&to=2020-01-31");
  assert.match(await visit.text(".empty"), /Nothing was proved/);
  await visit.look("empty");
}

async function drills_down_to_a_receipt(visit) {
  await visit.follow(visit.page.getByRole("link", { name: "Jobs" }));
  await visit.look("jobs");
  await visit.page.getByLabel("State").selectOption("succeeded");
  await visit.follow(visit.page.getByRole("button", { name: "Show" }));
  const id = await visit.text("tbody a.id");
  await visit.follow(visit.page.locator("tbody a.id").first());
  const job = await (await api(`/v1/proofs/${id}`)).json();
  assert.match(await visit.text("#check"), /^Recomputed: every line agrees/);
  const found = (await visit.rows("#lines")).map((cells) => [cells[0], cells[3]]);
  const lines = job.receipt.lines.map((line) => [line.item, dollars(BigInt(line.amount_nano_usd))]);
  assert.deepEqual(found, lines);
  assert.equal(await visit.text("#charge"), dollars(BigInt(job.receipt.charge_nano_usd)));
  await visit.look("receipt");
  const file = await visit.download(visit.page.getByRole("link", { name: /Download receipt/ }));
  assert.equal(file.name, `receipt-${id}.json`);
  assert.deepEqual(JSON.parse(file.bytes), job.receipt);
}

async function shows_failed_work_at_charge_zero(visit) {
  await visit.open("/dashboard/jobs?state=failed");
  await visit.follow(visit.page.locator("tbody a.id").first());
  assert.equal(await visit.text("#charge"), "$0.000000000");
  await visit.look("failed");
}

async function shows_queue_and_fleet(visit) {
  await visit.follow(visit.page.getByRole("link", { name: "Queue and fleet" }));
  const [device] = await visit.rows("section[aria-labelledby=devices-title] table");
  assert.equal(device[1], "cpu");
  await visit.look("fleet");
}

async function is_used_by_keyboard_alone(visit) {
  const { page } = visit;
  const focused = () => page.evaluate(() => document.activeElement.textContent.trim());
  await visit.open("/dashboard");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to the content");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, "solid", "the focus is not visible");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "content");
  await visit.open("/dashboard");
  const reached = [];
  for (let step = 0; step < 12; step++) {
    await page.keyboard.press("Tab");
    reached.push(await focused());
  }
  const menu = ["Overview", "Costs", "Jobs", "Budgets", "Queue and fleet", "Performance"];
  assert.deepEqual(reached.filter((text) => menu.includes(text)), menu);
  await page.getByRole("link", { name: "Jobs" }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL(`${server}/dashboard/jobs`);
}

async function is_dark_where_that_is_chosen(visit) {
  const { page } = visit;
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: "light" });
  await visit.open("/dashboard");
  const light = await background();
  const button = page.getByRole("button", { name: "Dark mode" });
  await button.focus();
  await page.keyboard.press("Space");
  assert.equal(await button.getAttribute("aria-pressed"), "true");
  const dark = await background();
  assert.notEqual(dark, light);
  await page.reload();
  assert.equal(await background(), dark, "the choice was not kept");
  await button.click();
  await page.emulateMedia({ colorScheme: "dark" });
  assert.equal(await background(), light, "the choice counts for less than the system's");
  await page.evaluate(() => localStorage.clear());
  await page.reload();
  assert.equal(await background(), dark);
  await page.emulateMedia({ colorScheme: "light" });
}

async function signs_out(visit) {
  const { page } = visit;
  const cookies = await page.context().cookies(`${server}/dashboard`);
  await visit.follow(page.getByRole("button", { name: "Sign out" }));
  await page.waitForURL(`${server}/dashboard/sign-in`);
  assert.deepEqual(await page.context().cookies(`${server}/dashboard`), []);
  await page.context().addCookies(cookies);
  await page.goto(`${server}/dashboard`);
  assert.equal(page.url(), `${server}/dashboard/sign-in`, "a copied cookie outlives the session");
}

mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
try {
  const context = await browser.newContext({ viewport: WIDE, acceptDownloads: true, locale: "en-GB" });
  const visit = new Visit(await context.newPage());
  visit.page.setDefaultTimeout(20_000);
  for (const step of [
    refuses_a_wrong_key,
    signs_in,
    shows_the_figures_of_the_api,
    groups_by_what_is_asked_for,
    downloads_what_the_api_answers,
    drills_down_to_a_receipt,
    shows_failed_work_at_charge_zero,
    shows_queue_and_fleet,
    shows_budgets,
    shows_performance_to_anyone,
    describes_the_api_to_anyone,
    says_so_where_nothing_happened,
    is_used_by_keyboard_alone,
    is_dark_where_that_is_chosen,
    signs_out,
  ]) {
    await step(visit);
    visit.quiet(step.name);
    console.log(`ok ${step.name}`);
  }
} finally {
  await browser.close();
}
