import { type Answer, chat } from '../say.ts'

export const answers: Answer[] = [
  chat(
    {
      calls: [
        ['call_1', 'get_weather', { city: 'Oslo' }],
        ['call_2', 'get_weather', { city: 'Rome' }],
        ['call_3', 'get_weather', { city: 'Lima' }],
      ],
    },
    [44, 33],
  ),
  chat({ text: 'In Lima.' }, [101, 4]),
]
