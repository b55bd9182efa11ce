#!/usr/bin/env node
// CommonJS, since ES modules are read through libuv's pool, which then has its size already. Photos are decoded on it:
// four threads, its default, would starve a GPU.
const { availableParallelism } = require('node:os');

process.env.UV_THREADPOOL_SIZE ??= String(Math.min(64, Math.max(4, availableParallelism())));
import('../dist/main.js');
