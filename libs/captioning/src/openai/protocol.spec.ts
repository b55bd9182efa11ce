import { answerText, endpointsOf, modelNames } from './protocol.js';

describe('endpointsOf', () => {
  test.each([
    ['http://localhost:8000', 'http://localhost:8000/v1/chat/completions'],
    ['http://localhost:8000/', 'http://localhost:8000/v1/chat/completions'],
    ['http://localhost:8000/v1', 'http://localhost:8000/v1/chat/completions'],
    ['https://host/api/v3/', 'https://host/api/v3/chat/completions'],
    ['http://h/v1/chat/completions', 'http://h/v1/chat/completions'],
    ['http://h/v1?version=2', 'http://h/v1/chat/completions?version=2'],
  ])('%s', (url, chat) => {
    expect(endpointsOf(url).chat).toBe(chat);
    expect(endpointsOf(url).models).toBe(chat.replace('chat/completions', 'models'));
  });

  test.each([
    ['localhost', /must be a URL/],
    ['ftp://host/v1', /http or https URL, got ftp:/],
    ['file:///etc/passwd', /http or https URL/],
    ['http://user:pass@host/v1', /must not hold a user name or password$/],
  ])('refuses %s', (url, message) => {
    expect(() => endpointsOf(url)).toThrow(message);
  });
});

test.each([
  ['no JSON', 'Bad gateway', /is no JSON: "Bad gateway/],
  ['another shape', '{"answer": 3}', /no chat completion/],
  ['no choices', '{"choices": []}', /no choices/],
  [
    'a refusal',
    '{"choices": [{"finish_reason": "content_filter", "message": {"content": ""}}]}',
    /content filter/,
  ],
  ['nothing', '{"choices": [{"message": {"content": "  "}}]}', /is empty/],
])('an answer with %s is refused', (_, body, message) => {
  expect(() => answerText(body)).toThrow(message);
});

test('a list of models is read, another answer refused', () => {
  expect(modelNames('{"object": "list", "data": [{"id": "a", "x": 1}, {"id": "b"}]}')).toEqual(['a', 'b']);
  expect(modelNames('\uFEFF{"models": [{"name": "llava:7b"}]}')).toEqual(['llava:7b']);
  expect(() => modelNames('[]')).toThrow(/no list of models/);
});
