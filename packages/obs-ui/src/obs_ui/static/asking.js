// How a page asks for what it shows. A site of plain files (`obs site`) has another script of this name in its place.

const ROOT = new URL("../", import.meta.url); // wherever the server's pages lie
const answered = async (address) => {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(answer.status === 404 ? "it is not there any more" : `${answer.status} ${answer.statusText}`);
  return answer;
};

export const text = async (address) => (await answered(address)).text();
export const json = async (address) => (await answered(address)).json();

/** The part of this page that has a name, as the server writes it now. */
export const part = (name) => {
  const address = new URL(location.href);
  address.searchParams.set("part", name);
  return text(address);
};
/** A script or style that several decks hold. */
export const sharedBody = (digest) => text(new URL(`shared/${digest}`, ROOT));
/** A file of the report's, of which every frame gets some. */
export const reportFile = (name) => text(new URL(`static/report/${name}`, ROOT));
/** The empty document into which a deck is written. */
export const frameAddress = new URL("frame", ROOT).href;
/** Hear when something has changed: a stream of events, or null where nothing ever does. */
export const changes = (address) => new EventSource(address);
/** Whether a deck has a page of its own. */
export const decksStandAlone = true;
/** Show what of a list an address asks for, where no server can; null where one does. */
export const narrowHere = null;
