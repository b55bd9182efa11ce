import { FakeVisionServer, json, say } from '../../test/fake-vision-server.js';
import { OpenAiTextGenerator } from './text-generator.js';

test('asks in words only and gives the answer, or a typed error', async () => {
  const server = await FakeVisionServer.start(({ text, model }, response) => {
    if (text === 'bad') json(response, 422, { error: 'bad prompt' });
    else say(response, `${model}: ${text}`);
  });
  try {
    const generator = new OpenAiTextGenerator({ url: server.url, model: 'm', seed: 1 });
    expect(await generator.generate('Say "hi"\n<b>')).toBe('m: Say "hi"\n<b>');
    await expect(generator.generate('bad')).rejects.toMatchObject({ code: 'CAPTION_FAILED' });
    await expect(generator.generate('x', AbortSignal.abort())).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(generator.info.name).toBe('openai:m');
  } finally {
    await server.stop();
  }
});
