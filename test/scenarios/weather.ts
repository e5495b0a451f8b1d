/** What the models of frameworks' scenarios answer: three calls, which ask for three tools, of which one throws. */
import { type Answer, chat } from './say.ts'

const ANSWERS: Answer[] = [
  chat(
    {
      calls: [
        ['call_1', 'get_weather', { city: 'Oslo' }],
        ['call_2', 'get_price', { item: 'umbrella' }],
      ],
    },
    [40, 21],
  ),
  chat({ calls: [['call_3', 'get_weather', { city: 'Rome' }]] }, [70, 11]),
  chat({ text: 'Sun in Oslo and Rome.' }, [90, 8]),
]

/** Each with an id of its own: frameworks take two messages of one id for the same. */
export const weather: Answer[] = ANSWERS.map((answer, n) =>
  JSON.parse(JSON.stringify(answer).replaceAll('chatcmpl-1', `chatcmpl-${n + 1}`)),
)
