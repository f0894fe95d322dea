// The screen is an ES module. A bundle that is started from its code cache cannot import one by itself.
"use strict";

exports.runTop = async (request) => (await import("../dist/top.js")).runTop(request);
