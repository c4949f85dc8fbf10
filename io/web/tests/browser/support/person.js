// Somebody at the page: what they do and see, by roles and names, as they would say it.
import assert from "node:assert/strict";
import { openWindow, PATIENCE_MS } from "./browser.js";
import { eventually } from "./eventually.js";
import { faults } from "./faults.js";

export const PASSWORD = "correct horse battery staple";

export class Person {
  /** A window at the page of a server. @param {string} name @param {string} origin */
  static async at(origin, name, options = {}) {
    const watched = await openWindow(origin, options);
    return new Person(name, origin, watched);
  }

  constructor(name, origin, watched) {
    this.name = name;
    this.origin = origin;
    this.watched = watched;
    this.context = watched.context;
    this.page = watched.page;
  }

  get list() {
    return this.page.getByRole("navigation", { name: "Chats" });
  }

  get feed() {
    return this.page.getByRole("feed", { name: "Messages" });
  }

  get composer() {
    return this.page.getByRole("main").getByRole("textbox");
  }

  /** A chat in the list, whose link begins with who is there. @param {string} name @param {string} [state] */
  row(name, state = "") {
    return this.list.getByRole("link", { name: new RegExp(`^(Online |Offline )?${escape(name)}\\b.*${state}`, "s") });
  }

  /** A message by its text. @param {string} text */
  message(text) {
    return this.feed.getByRole("article").filter({ hasText: text });
  }

  button(name, options = {}) {
    return this.page.getByRole("button", { name, exact: true, ...options });
  }

  /** What the banner says. */
  banner(text) {
    return this.page.getByRole("main").getByText(text);
  }

  dialog(name) {
    return this.page.getByRole("dialog", { name });
  }

  async open(path = "/") {
    await this.page.goto(path);
  }

  /** @param {string} label */
  field(label) {
    return this.page.getByLabel(label, { exact: true }).filter({ visible: true });
  }

  async fillLogin(username = this.name, password = PASSWORD) {
    await this.field("Username").fill(username);
    await this.field("Password").fill(password);
  }

  async signUp() {
    await this.open();
    await this.page.getByRole("tab", { name: "Sign up" }).click();
    await this.fillLogin();
    await this.button("Sign up").click();
    await this.list.waitFor();
  }

  async logIn(password = PASSWORD) {
    await this.fillLogin(this.name, password);
    await this.button("Log in").click();
    await this.list.waitFor();
  }

  async logOut() {
    await this.button("You and your settings").click();
    await this.dialog("You").getByRole("button", { name: "Log out" }).click();
    await this.page.getByRole("tab", { name: "Log in" }).waitFor();
  }

  /** Finds people by the search, and picks them. @param {string[]} names */
  async pick(...names) {
    await this.page.getByRole("button", { name: "Search chats and people" }).click();
    const dialog = this.dialog("New chat");
    for (const name of names) {
      await dialog.getByRole("combobox").fill(name);
      await dialog.getByRole("group", { name: "People" }).getByRole("option", { name }).click();
    }
    return dialog;
  }

  async startDirect(name) {
    await (await this.pick(name)).getByRole("button", { name: "Start chat" }).click();
    await this.sees(name);
  }

  async startGroup(name, ...members) {
    const dialog = await this.pick(...members);
    await dialog.getByLabel("Name of the group").fill(name);
    await dialog.getByRole("button", { name: "Start group" }).click();
    await this.sees(name);
  }

  /** Is in a chat. */
  async sees(chat) {
    await this.page.getByRole("main", { name: chat }).waitFor();
  }

  async go(chat) {
    await this.row(chat).click();
    await this.sees(chat);
  }

  async write(...texts) {
    for (const text of texts) {
      await this.composer.fill(text);
      await this.composer.press("Enter");
    }
  }

  /** The texts of the messages in the page, from above, as they were written. */
  texts() {
    return this.page.locator("article .content").evaluateAll((all) =>
      all.map((content) => [...content.childNodes].filter((node) => !node.classList?.contains("edited")).map((node) => node.textContent).join("").trim()),
    );
  }

  /** Reads these as the last messages, in this order, each once. @param {string[]} texts */
  async reads(...texts) {
    await eventually(async () => assert.deepEqual((await this.texts()).slice(-texts.length), texts), PATIENCE_MS);
  }

  /** Opens the bar of actions beside a message. */
  async act(text, action) {
    await this.message(text).locator(".bubble").hover();
    await this.button(action).click();
  }

  async menu(text, item) {
    await this.act(text, "More actions");
    await this.page.getByRole("menuitem", { name: item }).click();
  }

  async unread(chat, count) {
    await this.row(chat, `\\b${count} unread`).waitFor();
  }

  async allRead(chat) {
    await this.row(chat).first().waitFor();
    await eventually(async () => assert.equal(await this.row(chat, "unread").count(), 0), PATIENCE_MS);
  }

  /** Nothing stands in the way of anybody, in both themes, and what there is is valid. */
  async isAccessible() {
    const found = await faults(this.page);
    assert.ok(found.length === 0, `where ${this.name} is:\n${found.join("\n")}`);
  }
}

const escape = (text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
