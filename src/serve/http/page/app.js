// Starts the parts of the page, and keeps them up to date with the state of the board.

import * as board from "./board.js";
import { ignoreStrayFiles } from "./dropzone.js";
import * as live from "./live.js";
import * as picture from "./picture.js";
import * as recording from "./recording.js";
import * as search from "./search.js";
import * as student from "./student.js";

const parts = [live, picture, recording, search, student];

ignoreStrayFiles();
for (const part of parts) part.start();
await board.start(...parts.map((part) => part.update));
document.documentElement.dataset.started = "true";
