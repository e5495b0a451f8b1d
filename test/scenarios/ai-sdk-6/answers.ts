import { type Answer, chat } from '../say.ts'

export const answers: Answer[] = [
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
