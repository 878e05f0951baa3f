// The same as sallyport-observed.mjs, but of ten traces one is recorded.
process.env.BENCH_RATIO = '0.1'
await import('./sallyport-observed.mjs')
