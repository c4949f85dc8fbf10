// The page on a phone: one pane at a time, touch, and the way back.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LiveServer } from "../../client/testing/live.js";
import { account } from "./support/account.js";
import { eventually } from "./support/eventually.js";
import { PATIENCE_MS } from "./support/browser.js";
import { Person } from "./support/person.js";

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };
/** As fingers need it, in pixels. */
const TARGET = 44;

let server;
before(async () => (server = await LiveServer.start(process.env.ROOKERY_BINARY)));
after(() => server?.stop());

test("on a phone one pane is seen at a time, and Back goes back", { timeout: 180_000 }, async () => {
  const ann = await Person.at(server.url, "ann", PHONE);
  await ann.signUp();
  await ann.isAccessible();
  await fits(ann);
  const [{ user_id: id }] = [await (await account(server.url, "ben")).call("GET", "/me")];
  const ben = await account(server.url, "cem");
  const [{ user_id: annId }] = await ben.call("GET", "/users?name=ann");
  const { chat_id: direct } = await ben.call("POST", `/direct/${annId}`);
  const { chat_id: group } = await ben.call("POST", "/chats", { name: "Flat 4B", members: [annId, id] });
  for (let i = 1; i <= 40; i++) await ben.call("POST", `/chats/${group}/messages`, { content: `A line that is long enough to be broken on a phone, ${i}` });
  await ben.call("POST", `/chats/${direct}/messages`, { content: "Only for you" });

  await ann.unread("Flat 4B", 40);
  await ann.unread("cem", 1);
  await ann.isAccessible();
  await fits(ann);
  // A page has a main part for those who look for it, here of one pixel.
  assert.ok((await ann.page.getByRole("main").boundingBox()).width <= 1, "the list is alone");
  await ann.row("Flat 4B").tap();
  await ann.sees("Flat 4B");
  assert.equal(await ann.list.isVisible(), false, "the chat is alone");
  assert.match(ann.page.url(), new RegExp(`#c/${group}$`));
  assert.ok(await ann.composer.evaluate((field) => field !== document.activeElement), "no keyboard covers what one came to read");
  await ann.feed.getByText("40 new messages").waitFor();
  await ann.isAccessible();
  await fits(ann);
  await ann.button("Jump to latest", { exact: false }).tap();
  await ann.message("phone, 40").waitFor();

  // A long press opens a sheet with what the mouse has beside a message.
  await press(ann, ann.message("phone, 40").locator(".bubble"));
  const menu = ann.page.getByRole("menu", { name: "Message actions" });
  await menu.waitFor();
  await ann.isAccessible();
  await fits(ann);
  await menu.getByRole("menuitem", { name: "React with 👍" }).tap();
  await ann.message("phone, 40").getByRole("button", { name: "👍, 1 reaction: You" }).waitFor();

  await ann.composer.tap();
  await ann.composer.fill("On my way");
  await ann.composer.press("Enter");
  assert.equal(await ann.composer.inputValue(), "On my way\n", "Enter is a new line there");
  await ann.button("Send").tap();
  await ann.message("On my way").getByText("Sent").waitFor();

  await ann.button("Members").tap();
  const members = ann.page.getByRole("complementary", { name: "Members" });
  await members.getByText("ben").waitFor();
  await ann.isAccessible();
  await fits(ann);
  await ann.page.goBack();
  await members.waitFor({ state: "hidden" });
  await ann.sees("Flat 4B");

  await ann.page.getByRole("button", { name: "Back to the chats, 1 chat unread" }).tap();
  await ann.list.waitFor();
  await ann.row("cem").tap();
  await ann.sees("cem");
  await eventually(async () => assert.equal(await ann.page.title(), "Rookery", "all is read"), PATIENCE_MS);
  await ann.page.goBack();
  await ann.list.waitFor();
  await ann.allRead("cem");

  await ann.page.getByRole("button", { name: "Search chats and people" }).tap();
  await ann.dialog("New chat").waitFor();
  await ann.isAccessible();
  await fits(ann);
  await ann.page.goBack();
  await ann.dialog("New chat").waitFor({ state: "hidden" });
  await ann.list.waitFor();
  await ann.button("You and your settings").tap();
  await ann.dialog("You").getByText(/^This device/).waitFor();
  await ann.isAccessible();
  await fits(ann);
});

test("nothing has to be scrolled sideways at 320 px", { timeout: 120_000 }, async () => {
  const ann = await Person.at(server.url, "ann-narrow", { viewport: { width: 320, height: 640 } });
  await ann.open();
  await ann.button("Log in").waitFor();
  await fits(ann);
  await ann.signUp();
  await fits(ann);
  await account(server.url, "ben-with-a-name-that-is-as-long-as-names-may-be-or-nearly-so");
  await ann.startDirect("ben-with-a-name");
  await ann.write("w".repeat(500), "https://example.com/" + "a/".repeat(200));
  await ann.message("wwww").waitFor();
  await fits(ann);
  await ann.isAccessible();
});

/** Nothing sticks out at the sides; on touch screens what one taps is as large as a finger. */
async function fits({ page }) {
  await eventually(async () => {
    const found = await page.evaluate((target) => {
      const seen = [...document.querySelectorAll("*")].filter((element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !element.closest(".visually-hidden, .skip, .conversation.blank, svg"));
      const scrolls = (element) => ["auto", "scroll"].includes(getComputedStyle(element).overflowX) || element === document.documentElement;
      const box = (element) => element.getBoundingClientRect();
      // What takes a touch may be larger than what is seen.
      const reach = (element, dx, dy) => {
        const { left, top, width, height } = box(element);
        let steps = 0;
        while (steps < target && element.contains(document.elementFromPoint(left + width / 2 + dx * steps, top + height / 2 + dy * steps))) steps++;
        return steps;
      };
      const isLarge = (element) => {
        if (reach(element, 0, 0) === 0) return true; // Something lies over it.
        const width = Math.max(box(element).width + 0.5, reach(element, -1, 0) + reach(element, 1, 0));
        const height = Math.max(box(element).height + 0.5, reach(element, 0, -1) + reach(element, 0, 1));
        return Math.min(width, height) >= target;
      };
      const acts = seen.filter((element) => element.matches("button, input, textarea, nav a, [role^=menuitem]"));
      const wide = [
        ...seen.filter((element) => scrolls(element) && element.scrollWidth > element.clientWidth),
        ...acts.filter((element) => box(element).right > innerWidth + 0.5 || box(element).left < -0.5),
      ];
      const small = acts.filter((element) => matchMedia("(pointer: coarse)").matches && !element.matches(".link-button, .reaction, input, textarea") && !isLarge(element));
      const tell = (element) => `${Math.round(box(element).width)}x${Math.round(box(element).height)} ${element.outerHTML.slice(0, 120)}`;
      return { wide: wide.map(tell), small: small.map(tell) };
    }, TARGET);
    assert.deepEqual(found, { wide: [], small: [] });
  }, 3000);
}

/** Holds a finger on something until it is let go of. */
async function press({ page, context }, locator) {
  // It stands still, and nothing lies over it.
  await locator.tap({ trial: true });
  const { x, y, width, height } = await locator.boundingBox();
  const session = await context.newCDPSession(page);
  await session.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [{ x: x + width / 2, y: y + height / 2 }] });
  await page.getByRole("menu").waitFor();
  await session.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await session.detach();
}
